#include "kit/config.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, REQUIRED };

static const struct setting {
	const char *name;
	const char *used_by; /* "all", or the processes' names */
	enum kind kind;
	const char *fallback;
	int64_t minimum, maximum;
	const char *help;
} settings[] = {
	{ "GUANXI_DATABASE", "identity customer notification", REQUIRED, "", 0, 0,
		"libpq connection string of the role that serves requests" },
	{ "GUANXI_MIGRATION_DATABASE", "identity customer notification", TEXT, "", 0, 0,
		"libpq connection string of the role that owns the schema; when set, migrations run at "
		"start" },
	{ "GUANXI_BROKER_REQUESTS", "identity customer notification gateway", REQUIRED, "", 0, 0,
		"endpoints of the brokers' request sockets, separated by commas" },
	{ "GUANXI_BROKER_EVENTS", "identity customer notification gateway", REQUIRED, "", 0, 0,
		"endpoints of the brokers' event sockets, in the same order" },
	{ "GUANXI_BIND_REQUESTS", "broker", REQUIRED, "", 0, 0,
		"endpoint to bind for requests, e.g. ipc:///run/guanxi/broker.requests" },
	{ "GUANXI_BIND_EVENTS", "broker", REQUIRED, "", 0, 0, "endpoint to bind for events" },
	{ "GUANXI_CURVE_SECRET_KEY", "all", TEXT, "", 0, 0,
		"this process's CURVE secret key (Z85); needed beyond loopback" },
	{ "GUANXI_CURVE_PUBLIC_KEY", "all", TEXT, "", 0, 0, "this process's CURVE public key (Z85)" },
	{ "GUANXI_CURVE_SERVER_KEY", "identity customer notification gateway", TEXT, "", 0, 0,
		"the brokers' CURVE public key (Z85)" },
	{ "GUANXI_CURVE_CLIENTS", "broker", TEXT, "", 0, 0,
		"file of the client keys allowed: key, then call or serve:<queue prefix>" },
	{ "GUANXI_REDIS", "identity gateway", TEXT, "", 0, 0,
		"Redis: path of a unix socket, or host:port; empty: none" },
	{ "GUANXI_ADMIN", "all", TEXT, "", 0, 0,
		"address of the admin port (/metrics /livez /readyz), e.g. 127.0.0.1:9102; empty: none" },
	{ "GUANXI_READY_FD", "all", NUMBER, "0", 0, 1024,
		"descriptor that gets a newline once this process serves; 0: none" },
	{ "GUANXI_SECRET", "identity customer notification gateway", REQUIRED, "", 0, 0,
		"32 random bytes in hexadecimal, the same for all processes: keys of cursors and CSRF tokens "
		"are derived from it" },
	{ "GUANXI_DUPLICATES_TELL", "customer", TEXT, "exists", 0, 0,
		"what a look for duplicates tells of a customer that the one who asks may not see: nothing, "
		"exists, or "
		"owner (also whose it is)" },
	{ "GUANXI_ADMIN_PASSWORD", "identity", TEXT, "", 0, 0,
		"password of the first administrator, read once, when there is no user yet" },
	{ "GUANXI_ADMIN_PASSWORD_IS_FINAL", "identity", NUMBER, "0", 0, 1,
		"1: the first administrator need not change it at the first sign-in" },
	{ "GUANXI_SIGNING_KEY", "identity customer notification", TEXT, "", 0, 0,
		"Ed25519 seed in hexadecimal that signs the seals of the event log; empty: seals are not "
		"signed" },
	{ "GUANXI_LOG_KEEP_DAYS", "identity customer notification", NUMBER, "0", 0, 36500,
		"events older than so many days are cut from the log, at least 30, the records that live "
		"being "
		"told of once more first; 0: all are kept" },
	{ "GUANXI_READ_LANES", "identity customer notification", NUMBER, "1", 1, 16,
		"threads that get records by key, each with a connection" },
	{ "GUANXI_WRITE_LANES", "identity customer notification", NUMBER, "2", 1, 16,
		"threads that create, update and delete, each with a connection" },
	{ "GUANXI_QUERY_LANES", "identity customer notification", NUMBER, "2", 1, 16,
		"threads that list and search, each with a connection" },
	{ "GUANXI_WORK_LANES", "identity customer notification", NUMBER, "2", 1, 16,
		"threads that run custom methods, each with a connection" },
	{ "GUANXI_QUERY_TIMEOUT_MS", "identity customer notification", NUMBER, "5000", 100, 600000,
		"longest time of one list or search in PostgreSQL, ms" },
	{ "GUANXI_WEBHOOK_ALLOW", "notification", TEXT, "", 0, 0,
		"private networks (CIDR, separated by commas) that webhooks may reach all the same, also by "
		"http" },
	{ "GUANXI_WEBHOOK_SCHEDULE", "notification", TEXT, "0,5,300,1800,7200,18000,36000,50400,72000,86400",
		0, 0, "seconds before each try of a webhook delivery, separated by commas" },
	{ "GUANXI_WEBHOOK_PAUSE_AFTER_S", "notification", NUMBER, "432000", 1, 31536000,
		"a webhook that has failed for so long without a success is paused, seconds" },
	{ "GUANXI_WEBHOOK_CONCURRENCY", "notification", NUMBER, "32", 1, 256,
		"deliveries under way to one webhook at a time" },
	{ "GUANXI_LISTEN", "gateway", TEXT, "127.0.0.1:8080", 0, 0,
		"address and port of the API and the web UI" },
	{ "GUANXI_WEB_ROOT", "gateway", TEXT, "", 0, 0,
		"directory of the built web UI; empty: none is served" },
	{ "GUANXI_GATEWAY_THREADS", "gateway", NUMBER, "2", 1, 64, "event loops, each on a thread" },
	{ "GUANXI_TLS_CERTIFICATE", "gateway", TEXT, "", 0, 0,
		"PEM file with the certificate chain; with the key it turns TLS on" },
	{ "GUANXI_TLS_KEY", "gateway", TEXT, "", 0, 0, "PEM file with the private key" },
	{ "GUANXI_TRUSTED_PROXIES", "gateway", TEXT, "", 0, 0,
		"networks (CIDR, separated by commas) whose X-Forwarded-* are believed" },
	{ "GUANXI_PUBLIC_ORIGIN", "gateway", TEXT, "", 0, 0,
		"origin that browsers see, e.g. https://crm.example.com; empty: that of the Host field" },
	{ "GUANXI_RATE_LIMIT", "gateway", NUMBER, "100", 0, 1000000,
		"requests a second for one principal; 0: unlimited" },
	{ "GUANXI_RATE_BURST", "gateway", NUMBER, "400", 1, 1000000,
		"requests that may come at once for one principal" },
	{ "GUANXI_MAX_CONNECTIONS", "gateway", NUMBER, "10000", 16, 1000000, "HTTP connections at once" },
};

#define SETTING_COUNT (sizeof settings / sizeof *settings)

static const char *values[SETTING_COUNT];
static const char *process_name = "?";

void config_refuse(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "guanxi-%s: ", process_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static bool concerns(const struct setting *s, const char *process)
{
	return !strcmp(s->used_by, "all") || strstr(s->used_by, process);
}

static void print_help(const char *process)
{
	printf("guanxi-%s: configured by environment variables (NAME_FILE names a file that holds the "
	       "value):\n\n",
		process);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (!concerns(&settings[i], process))
			continue;
		printf("  %s%s%s%s\n        %s\n", settings[i].name,
			settings[i].kind == REQUIRED ? " (required)" : "", *settings[i].fallback ? " = " : "",
			settings[i].fallback, settings[i].help);
	}
}

static const char *read_file(const char *variable, const char *path)
{
	char *text = calloc(1, 65537);
	FILE *file = fopen(path, "re");

	if (!file)
		config_refuse("%s names %s, which cannot be read: %s", variable, path, strerror(errno));
	size_t len = fread(text, 1, 65536, file);

	fclose(file);
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	return text;
}

static const char *value_of(const struct setting *s)
{
	char variable[128];
	const char *value = getenv(s->name);

	if (value && *value)
		return value;
	snprintf(variable, sizeof variable, "%s_FILE", s->name);
	const char *path = getenv(variable);

	return path && *path ? read_file(variable, path) : s->fallback;
}

static void check(const struct setting *s, const char *value)
{
	char *end;

	if (s->kind == REQUIRED && !*value)
		config_refuse("%s is not set: %s", s->name, s->help);
	if (s->kind != NUMBER)
		return;
	errno = 0;
	long long number = strtoll(value, &end, 10);

	if (errno || *end || end == value || number < s->minimum || number > s->maximum)
		config_refuse("%s must be a whole number from %lld to %lld, not \"%s\"", s->name,
			(long long)s->minimum, (long long)s->maximum, value);
}

void config_load(int argc, char **argv, const char *process)
{
	process_name = process;
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(process);
		exit(0);
	}
	if (argc > 1)
		config_refuse(
			"unknown argument \"%s\": it is configured by environment variables, see --help",
			argv[1]);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (!concerns(&settings[i], process))
			continue;
		values[i] = value_of(&settings[i]);
		check(&settings[i], values[i]);
	}
}

static size_t find(const char *name)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (!strcmp(settings[i].name, name))
			return i;
	assert(!"a setting that is not in the table");
	abort();
}

/* Read straight from the environment where config_load() has not run: tests use parts of the kit alone. */
const char *config_text(const char *name)
{
	size_t i = find(name);

	return values[i] ? values[i] : value_of(&settings[i]);
}

int64_t config_number(const char *name)
{
	return strtoll(config_text(name), NULL, 10);
}

bool config_is_set(const char *name)
{
	return *config_text(name) != '\0';
}
