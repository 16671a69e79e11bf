// Each virtual user forecasts from features of its own.
function chooseFeatures(context, events, done) {
  context.vars.features = Array.from({ length: 8 }, () => Math.random());
  done();
}

module.exports = { chooseFeatures };
