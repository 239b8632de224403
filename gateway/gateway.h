/*
 * The gateway: the one door from HTTP to the services. It knows who asks (sessions), turns JSON into protobuf
 *and back by the definition, and follows the services' event streams for those who listen. It holds no
 *business rule and keeps nothing.
 *
 *	struct gateway_options options = gateway_defaults;
 *	…
 *	struct gateway *gateway = gateway_open(&options, error);   // NULL: one sentence in error
 *	gateway_start(gateway);
 *	…wait for SIGTERM…
 *	gateway_drain(gateway, GATEWAY_DRAIN_MS);
 *	gateway_close(gateway);
 */
#pragma once
#include "gateway/server.h"

enum {
	GATEWAY_SECRET_BYTES = 32,
	GATEWAY_DRAIN_MS = 20000,
	GATEWAY_STUCK_MS = 10000,
	GATEWAY_THREADS_MAX = 64,
};

struct gateway;

struct gateway_options {
	struct server_options server;
	const char *broker_requests;          /* endpoints, separated by commas */
	const char *broker_events;            /* in the same order */
	const char *public_origin;            /* that browsers see; "": made of the Host field */
	const char *web_root;                 /* "": no web UI */
	uint8_t secret[GATEWAY_SECRET_BYTES]; /* the keys of CSRF tokens and event cursors are derived from it
					       */
	unsigned rate_per_s;                  /* of one principal; 0: unlimited */
	unsigned rate_burst;
};

/* schema_get() must have been called. Strings must outlive the gateway. */
struct gateway *gateway_open(const struct gateway_options *options, char error[SERVER_ERROR_SIZE]);
const char *gateway_address(const struct gateway *gateway);
void gateway_start(struct gateway *gateway);
/* Whether a broker is connected, on every thread: for /readyz. Any thread. */
bool gateway_is_ready(const struct gateway *gateway);
/* Whether every loop has turned in the last GATEWAY_STUCK_MS: for /livez. Any thread. */
bool gateway_is_alive(const struct gateway *gateway);
/* Takes no new connections, tells event streams to reconnect, lets requests finish. Returns at once. */
void gateway_drain(struct gateway *gateway, unsigned deadline_ms);
void gateway_close(struct gateway *gateway);
