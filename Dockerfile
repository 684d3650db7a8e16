# The lakehouse with both engines. docs/container.md says how to run it, docs/decisions.md why it is as it is.
FROM python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS base
# Without versions: Debian removes a package from its mirrors with each security update, so that a pin breaks the build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnss-wrapper openjdk-17-jre-headless tini \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/image.txt requirements/
# pyspark comes as a source archive only, and its wheel is built by what requirements/build.txt pins.
RUN pip install --require-hashes --only-binary=:all: --requirement requirements/build.txt \
    && pip wheel --require-hashes --no-deps --no-build-isolation --only-binary=:all: --no-binary=pyspark \
        --wheel-dir /wheels --requirement requirements/image.txt \
    && python -m venv --without-pip /opt/returns \
    && pip --python /opt/returns/bin/python install --no-index --no-deps /wheels/*.whl
COPY pyproject.toml ./
COPY configs configs
COPY src/pyspark_interview_project src/pyspark_interview_project
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /build/dist . \
    && pip --python /opt/returns/bin/python install --no-index --no-deps /build/dist/*.whl \
    && /opt/returns/bin/python -m pyspark_interview_project.engines.spark_jars

FROM base AS final
LABEL org.opencontainers.image.title="returns-lakehouse" \
      org.opencontainers.image.description="Turns raw product returns into trusted Delta tables."
COPY --from=build /opt/returns /opt/returns
COPY docker/named-user /usr/local/bin/named-user
# ENGINE=auto: in one container embedded, unless a cluster is named. The lake is a volume; all else may be read-only.
ENV PATH=/opt/returns/bin:$PATH \
    APP_ENV=prod ENGINE=auto DATA_ROOT=/lake METRICS_PORT=8000 \
    HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN install --directory --mode=0775 --group=0 /lake
WORKDIR /lake
USER 10001:0
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['METRICS_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--", "named-user"]
CMD ["returns", "run"]
