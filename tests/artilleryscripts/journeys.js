module.exports = {
  begin(context, events, next) {
    context.vars.began = 'yes';
    next();
  },
  async end(context) {
    context.vars.ended = true;
  },
  more(context, next) {
    context.vars.polls = (context.vars.polls ?? 0) + 1;
    next(context.vars.polls < 3);
  },
  prepare(request, context, events, next) {
    context.vars.body = 'text';
    next();
  },
  async note(request, response, context) {
    context.vars.noted = response.statusCode;
  },
  async last(context) {
    context.vars.last = 'way';
  },
};
