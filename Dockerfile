# Settings and data live in the one volume: /data/settings.toml (or KEEPCURRENT_ variables alone), /data/data.
#   docker build -t keepcurrent . && docker run -v keepcurrent:/data keepcurrent
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE settings.example.toml requirements.lock ./
COPY bot ./bot
# The dependencies as locked, each file by its hash; then the program itself, which brings no others.
RUN python -m venv /opt/keepcurrent \
    && /opt/keepcurrent/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/keepcurrent/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/keepcurrent /opt/keepcurrent
# Any user id works (docker run --user 1234:0 …): the folder belongs to group 0, which such users have.
RUN mkdir /data && chown 65532:0 /data && chmod 0770 /data
ENV PATH=/opt/keepcurrent/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:0
VOLUME /data
WORKDIR /data
HEALTHCHECK --interval=5m --timeout=30s CMD ["keepcurrent", "authors", "--json"]
ENTRYPOINT ["keepcurrent"]
CMD ["run"]
