/* The gateway as a process: settings, readiness, an orderly end. */
#include "gateway/gateway.h"
#include "kit/admin.h"
#include "kit/config.h"
#include "kit/log.h"
#include "kit/schema.h"
#include "kit/zsocket.h"
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void read_secret(uint8_t secret_out[GATEWAY_SECRET_BYTES])
{
	const char *text = config_text("GUANXI_SECRET");
	size_t len;

	if (sodium_hex2bin(secret_out, GATEWAY_SECRET_BYTES, text, strlen(text), NULL, &len, NULL) ||
		len != GATEWAY_SECRET_BYTES)
		config_refuse(
			"GUANXI_SECRET must be 32 bytes in hexadecimal; make one with: openssl rand -hex 32");
}

static const char *text_or_null(const char *name)
{
	const char *text = config_text(name);

	return *text ? text : NULL;
}

static struct gateway_options read_options(void)
{
	struct gateway_options options = { .server = server_defaults };

	options.server.listen = config_text("GUANXI_LISTEN");
	options.server.threads = (unsigned)config_number("GUANXI_GATEWAY_THREADS");
	options.server.max_connections = (unsigned)config_number("GUANXI_MAX_CONNECTIONS");
	options.server.tls_certificate_file = text_or_null("GUANXI_TLS_CERTIFICATE");
	options.server.tls_key_file = text_or_null("GUANXI_TLS_KEY");
	options.server.trusted_proxies = text_or_null("GUANXI_TRUSTED_PROXIES");
	options.broker_requests = config_text("GUANXI_BROKER_REQUESTS");
	options.broker_events = config_text("GUANXI_BROKER_EVENTS");
	options.public_origin = config_text("GUANXI_PUBLIC_ORIGIN");
	options.web_root = config_text("GUANXI_WEB_ROOT");
	options.rate_per_s = (unsigned)config_number("GUANXI_RATE_LIMIT");
	options.rate_burst = (unsigned)config_number("GUANXI_RATE_BURST");
	read_secret(options.secret);
	return options;
}

static bool is_alive(void *ctx)
{
	return gateway_is_alive(ctx);
}

static bool is_ready(void *ctx, struct buffer *why_not)
{
	bool ready = gateway_is_ready(ctx);

	if (!ready)
		buffer_add_text(why_not, "no broker is connected\n");
	return ready;
}

static void tell_ready(void)
{
	int fd = (int)config_number("GUANXI_READY_FD");

	if (fd && write(fd, "\n", 1) == 1)
		close(fd);
}

int main(int argc, char **argv)
{
	char error[SERVER_ERROR_SIZE];
	struct zsocket_error problem;
	sigset_t ends;
	int signal_number;

	config_load(argc, argv, "gateway");
	log_open("gateway");
	if (sodium_init() < 0)
		config_refuse("libsodium cannot be initialised");
	schema_get();
	if (!zsocket_use_curve(config_text("GUANXI_CURVE_PUBLIC_KEY"), config_text("GUANXI_CURVE_SECRET_KEY"),
		    config_text("GUANXI_CURVE_SERVER_KEY"), &problem))
		config_refuse("GUANXI_CURVE_PUBLIC_KEY, GUANXI_CURVE_SECRET_KEY, GUANXI_CURVE_SERVER_KEY: %s",
			problem.text);
	/* Blocked before threads start: they inherit it, and only sigwait() below hears them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);

	struct gateway_options options = read_options();
	struct gateway *gateway = gateway_open(&options, error);

	if (!gateway)
		config_refuse("%s", error);
	gateway_start(gateway);
	admin_open(&(struct admin_options){ config_text("GUANXI_ADMIN"), is_alive, is_ready, NULL, gateway });
	log_info("start", "address=%s schema=%s", gateway_address(gateway), schema_get()->hash);
	tell_ready();
	sigwait(&ends, &signal_number);
	log_info("drain", "signal=%d", signal_number);
	gateway_drain(gateway, GATEWAY_DRAIN_MS);
	gateway_close(gateway);
	log_info("end", "clean=1");
	return 0;
}
