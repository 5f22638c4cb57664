FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=$VERSION" -o /rowcast ./cmd/rowcast

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /rowcast /rowcast
# Nothing outside reaches a container's loopback address. These variables win over the
# config file. The admin port gives metrics to anyone, profiles only to loopback clients.
ENV ROWCAST_CONFIG=/etc/rowcast/config.toml \
    ROWCAST_HTTP_LISTEN=:8080 \
    ROWCAST_ADMIN_LISTEN=:9090
USER 65532:65532
EXPOSE 8080 9090
# Healthy means that the process answers: it waits by itself while the database is away.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["/rowcast", "health"]
ENTRYPOINT ["/rowcast"]
CMD ["serve"]
