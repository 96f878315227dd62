# The product's image: Python, the locked packages, our own code; nothing of the demo, the tests or
# the ERP. Build: docker build -t client-to-cash .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# The packages first: they change less often than the code.
COPY requirements/build.txt requirements/product.txt requirements/
RUN python -m venv /build/tools \
    && /build/tools/bin/pip install --require-hashes -r requirements/build.txt \
    && python -m venv /opt/client-to-cash \
    && /opt/client-to-cash/bin/pip install --require-hashes -r requirements/product.txt

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY canonical canonical
COPY runtime runtime
COPY adapters adapters
COPY store store
COPY activities activities
COPY workflows workflows
COPY gateway gateway
COPY console console
COPY workers workers
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheel . \
    && /opt/client-to-cash/bin/pip install --no-deps /build/wheel/*.whl

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /var/lib/client-to-cash --create-home c2c
COPY --from=build /opt/client-to-cash /opt/client-to-cash
COPY LICENSE NOTICE /usr/share/doc/client-to-cash/
ENV PATH=/opt/client-to-cash/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/client-to-cash
ENTRYPOINT ["c2c"]
CMD ["--help"]
