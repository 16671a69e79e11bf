# loadctl with both engines: Locust, and Artillery on a Node of its own.
#   docker build --tag loadctl .
#   docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/work" loadctl run baseline --demo --duration 10s --smoke
ARG BASE=python:3.12-slim
FROM ${BASE}
ENV PATH=/opt/loadctl/bin:$PATH \
    LOADCTL_ENGINES=/opt/engines
COPY . /src
RUN python3 -m venv /opt/loadctl \
    && python -m pip install --no-cache-dir '/src[artillery]' \
    && npm_config_cache=/tmp/npm loadctl engines install artillery \
    && rm -r /tmp/npm
WORKDIR /work
# --user may name somebody whom /etc/passwd does not know, so the home is everybody's.
RUN echo 'loadctl:x:65532:65532::/tmp:/bin/sh' >> /etc/passwd && chmod 1777 /work
ENV HOME=/tmp
USER 65532:65532
ENTRYPOINT ["loadctl"]
CMD ["--help"]
