# lait in a container. `docker build -t lait .`, for NVIDIA GPUs `docker build --build-arg TENSORFLOW=gpu -t lait .` (then `docker run --gpus all`);
# corpora are mounted: `docker run --rm -v "$PWD:/data" lait crawl https://example.org/ --corpus birds --contact you@example.org`
# Chromium's sandbox needs user namespaces; where a container has none, it is the sandbox: `--env LAIT_NO_SANDBOX=1`.
FROM node:22-bookworm-slim
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates chromium g++ make python3 python3-pip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /lait
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# TensorFlow, detectors and models are fetched to here; a volume keeps what comes later.
ENV XDG_CACHE_HOME=/cache
# cpu or gpu
ARG TENSORFLOW=cpu
ENV LAIT_TENSORFLOW=$TENSORFLOW
RUN mkdir /data && node cli/lait.mjs setup && chown -R node:node /cache /data
USER 1000
WORKDIR /data
VOLUME ["/data"]
ENTRYPOINT ["node", "/lait/cli/lait.mjs"]
CMD ["--help"]
