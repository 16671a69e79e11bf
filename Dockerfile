# loadctl with both engines: Locust, and Artillery on a Node of its own.
#   docker build --tag loadctl .
#   docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/work" loadctl run baseline --demo --duration 10s --smoke
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/loadctl \
    && /opt/loadctl/bin/python -m pip install --no-cache-dir '.[artillery]'
RUN LOADCTL_ENGINES=/opt/engines /opt/loadctl/bin/loadctl engines install artillery

FROM ${BASE}
COPY --from=build /opt/loadctl /opt/loadctl
COPY --from=build /opt/engines /opt/engines
ENV PATH=/opt/loadctl/bin:$PATH \
    LOADCTL_ENGINES=/opt/engines \
    HOME=/tmp
WORKDIR /work
# --user may name somebody whom /etc/passwd does not know, so the home is everybody's.
RUN echo 'loadctl:x:65532:65532::/tmp:/bin/sh' >> /etc/passwd && chmod 1777 /work
USER 65532:65532
ENTRYPOINT ["loadctl"]
CMD ["--help"]
