#include "cli/web.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { CONNECT_S = 5, ANSWER_S = 60, ADMIN_MS = 2000 };

static volatile sig_atomic_t interrupted;

bool web_interrupted(void)
{
	return interrupted;
}

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* curl asks some times a second whether to go on. */
static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)ctx, (void)a, (void)b, (void)c, (void)d;
	return interrupted;
}

static CURL *curl_of(struct cli *cli)
{
	const struct sigaction action = { .sa_handler = on_signal };

	if (!cli->web) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		cli->web = arena_zalloc(cli->arena, sizeof *cli->web);
		cli->web->curl = curl_easy_init();
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
	}
	curl_easy_reset(cli->web->curl);
	curl_easy_setopt(cli->web->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(cli->web->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(cli->web->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(cli->web->curl, CURLOPT_NOPROGRESS, 0L);
	return cli->web->curl;
}

const char *web_escape(struct cli *cli, const char *text)
{
	char *escaped = curl_easy_escape(curl_of(cli), text, 0);
	const char *copy = arena_strdup(cli->arena, escaped);

	curl_free(escaped);
	return copy;
}

const char *web_unescape(struct cli *cli, const char *text)
{
	char *plain = curl_easy_unescape(curl_of(cli), text, 0, NULL);
	const char *copy = arena_strdup(cli->arena, plain);

	curl_free(plain);
	return copy;
}

/* --- who asks */

static const char *asked_password(struct cli *cli)
{
	struct termios before, silent;
	char line[1100];

	if (!isatty(STDIN_FILENO))
		return NULL;
	fprintf(stderr, text_of(cli, TEXT_ASK_PASSWORD), cli->email);
	tcgetattr(STDIN_FILENO, &before);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &silent);
	char *got = fgets(line, sizeof line, stdin);

	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	fputc('\n', stderr);
	return got ? arena_strndup(cli->arena, line, strcspn(line, "\r\n")) : NULL;
}

static const char *password_of(struct cli *cli)
{
	if (cli->password_file)
		return file_text(cli, cli->password_file);
	const char *text = file_text(cli, arena_printf(cli->arena, "%s/admin-password", cli->state));

	if (!text)
		text = file_text(cli, arena_printf(cli->arena, "%s/secrets/admin-password", cli->state));
	return text ? text : asked_password(cli);
}

static const char *api_key(struct cli *cli)
{
	const char *key = getenv("GUANXI_API_KEY"), *file = getenv("GUANXI_API_KEY_FILE");

	if (key && *key)
		return key;
	return file && *file ? file_text(cli, file) : NULL;
}

static int sign_in(struct cli *cli)
{
	json_t *answer;
	const char *password;

	cli->web->token = api_key(cli);
	if (cli->web->token)
		return CODE_DONE;
	password = password_of(cli);
	if (!password)
		return complain(cli, CODE_USAGE, TEXT_NO_PASSWORD);
	cli->web->token = ""; /* for this one call */
	int code = web_call(cli, "POST", "/api/v1/sessions",
		json_pack("{s:s,s:s,s:s}", "email", cli->email, "password", password, "client", "guanxi"),
		&answer);

	cli->web->token = NULL;
	if (code != CODE_DONE)
		return code;
	cli->web->token = arena_strdup(cli->arena, json_string_value(json_object_get(answer, "token")));
	cli->web->is_session = true;
	json_decref(answer);
	return CODE_DONE;
}

void web_close(struct cli *cli)
{
	json_t *answer;

	if (!cli->web)
		return;
	interrupted = 0;
	if (cli->web->is_session && !web_call(cli, "DELETE", "/api/v1/sessions/current", NULL, &answer))
		json_decref(answer);
	curl_easy_cleanup(cli->web->curl);
	curl_global_cleanup();
	cli->web = NULL;
}

/* --- a call */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	struct buffer *out = ctx;

	buffer_add(out, bytes, size * count);
	return size * count;
}

static struct curl_slist *headers_of(struct cli *cli, const char *content_type)
{
	struct curl_slist *list = NULL;

	list = curl_slist_append(
		list, cli->language == LANGUAGE_ZH ? "Accept-Language: zh" : "Accept-Language: en");
	list = curl_slist_append(list, arena_printf(cli->arena, "Content-Type: %s", content_type));
	list = curl_slist_append(list, "Expect:");
	if (cli->web->token && *cli->web->token)
		list = curl_slist_append(
			list, arena_printf(cli->arena, "Authorization: Bearer %s", cli->web->token));
	return list;
}

/* A problem as RFC 9457 has it, with what is wrong with each value. */
static int tell_problem(struct cli *cli, json_t *problem, long status)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *code = json_string_value(json_object_get(problem, "code"));
	json_t *error;
	size_t i;

	if (!detail || !code)
		return complain(cli, CODE_AWAY, TEXT_NOT_UNDERSTOOD, cli->url, status);
	complain(cli, CODE_REFUSED, TEXT_PROBLEM, detail, code);
	json_array_foreach(json_object_get(problem, "errors"), i, error)
	{
		const char *pointer = json_string_value(json_object_get(error, "pointer"));
		const char *message = json_string_value(json_object_get(error, "message"));

		const char *reason = json_string_value(json_object_get(error, "code"));

		fprintf(stderr, "  %s: %s (%s)\n", pointer ? pointer : "/", message ? message : "",
			reason ? reason : "");
	}
	return CODE_REFUSED;
}

static int perform(struct cli *cli, CURL *curl, const char *path, const char *content_type, long *status_out)
{
	struct curl_slist *headers = headers_of(cli, content_type);

	curl_easy_setopt(curl, CURLOPT_URL, arena_printf(cli->arena, "%s%s", cli->url, path));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	CURLcode result = curl_easy_perform(curl);

	curl_slist_free_all(headers);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status_out);
	if (result == CURLE_OK)
		return CODE_DONE;
	return interrupted ? CODE_REFUSED
			   : complain(cli, CODE_AWAY, TEXT_AWAY, cli->url, curl_easy_strerror(result));
}

static int call_with(
	struct cli *cli, CURL *curl, const char *path, const char *content_type, json_t **answer_out)
{
	struct buffer bytes = { .arena = cli->arena };
	long status;

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
	TRY_CODE(perform(cli, curl, path, content_type, &status));
	*answer_out = bytes.len ? json_loadb(bytes.data, bytes.len, 0, NULL) : NULL;
	if (status >= 200 && status < 300)
		return CODE_DONE;
	int code = tell_problem(cli, *answer_out, status);

	json_decref(*answer_out);
	*answer_out = NULL;
	return code;
}

/* Signs in unless that was done, and gives a fresh handle. */
static int begin(struct cli *cli, CURL **curl_out)
{
	*curl_out = curl_of(cli);
	if (!cli->web->token)
		TRY_CODE(sign_in(cli));
	*curl_out = curl_of(cli);
	return CODE_DONE;
}

int web_call(struct cli *cli, const char *method, const char *path, json_t *body, json_t **answer_out)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	CURL *curl;
	int code = begin(cli, &curl);

	json_decref(body);
	*answer_out = NULL;
	if (code == CODE_DONE) {
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_S);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		if (text)
			curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, text);
		code = call_with(cli, curl, path,
			strcmp(method, "PATCH") ? "application/json" : "application/merge-patch+json",
			answer_out);
	}
	free(text);
	return code;
}

/* --- files and streams */

int web_upload(struct cli *cli, const char *path, const char *file, json_t **answer_out)
{
	FILE *from = fopen(file, "re");
	CURL *curl;

	if (!from)
		return complain(cli, CODE_REFUSED, TEXT_CANNOT_READ, file, strerror(errno));
	int code = begin(cli, &curl);

	if (code == CODE_DONE) {
		fseeko(from, 0, SEEK_END);
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ftello(from));
		rewind(from);
		curl_easy_setopt(curl, CURLOPT_READDATA, from);
		code = call_with(cli, curl, path, "text/csv", answer_out);
	}
	fclose(from);
	return code;
}

struct download {
	CURL *curl;
	FILE *to;
	struct buffer refusal;
};

/* What is no success is a problem to be told, not content. */
static size_t on_file(char *bytes, size_t size, size_t count, void *ctx)
{
	struct download *down = ctx;
	long status;

	curl_easy_getinfo(down->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return fwrite(bytes, size, count, down->to);
	buffer_add(&down->refusal, bytes, size * count);
	return size * count;
}

int web_download(struct cli *cli, const char *path, const char *file)
{
	bool is_stdout = !strcmp(file, "-");
	struct download down = { .refusal = { .arena = cli->arena } };
	long status;

	TRY_CODE(begin(cli, &down.curl));
	down.to = is_stdout ? stdout : fopen(file, "we");
	if (!down.to)
		return complain(cli, CODE_REFUSED, TEXT_CANNOT_WRITE, file, strerror(errno));
	curl_easy_setopt(down.curl, CURLOPT_WRITEFUNCTION, on_file);
	curl_easy_setopt(down.curl, CURLOPT_WRITEDATA, &down);
	int code = perform(cli, down.curl, path, "application/json", &status);
	bool written = !(is_stdout ? fflush(down.to) : fclose(down.to));

	if (code == CODE_DONE && status != 200) {
		json_t *problem = json_loadb(down.refusal.data, down.refusal.len, 0, NULL);

		code = tell_problem(cli, problem, status);
		json_decref(problem);
	}
	if (code == CODE_DONE && !written)
		code = complain(cli, CODE_REFUSED, TEXT_CANNOT_WRITE, file, strerror(errno));
	return code;
}

struct streaming {
	CURL *curl;
	bool (*take)(void *ctx, const char *bytes, size_t len);
	void *ctx;
	bool enough;
	struct buffer refusal;
};

static size_t on_stream(char *bytes, size_t size, size_t count, void *ctx)
{
	struct streaming *s = ctx;
	long status;

	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		buffer_add(&s->refusal, bytes, size * count);
		return size * count;
	}
	s->enough = !s->take(s->ctx, bytes, size * count);
	return s->enough ? 0 : size * count; /* fewer than came ends the transfer */
}

int web_stream(struct cli *cli, const char *path, const char *last_event_id,
	bool (*take)(void *ctx, const char *bytes, size_t len), void *ctx)
{
	struct streaming s = { .take = take, .ctx = ctx, .refusal = { .arena = cli->arena } };
	long status = 0;

	TRY_CODE(begin(cli, &s.curl));
	struct curl_slist *headers = headers_of(cli, "application/json");

	headers = curl_slist_append(headers, "Accept: text/event-stream");
	if (last_event_id)
		headers = curl_slist_append(
			headers, arena_printf(cli->arena, "Last-Event-ID: %s", last_event_id));
	curl_easy_setopt(s.curl, CURLOPT_URL, arena_printf(cli->arena, "%s%s", cli->url, path));
	curl_easy_setopt(s.curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s.curl, CURLOPT_WRITEFUNCTION, on_stream);
	curl_easy_setopt(s.curl, CURLOPT_WRITEDATA, &s);
	curl_easy_perform(s.curl);
	curl_slist_free_all(headers);
	curl_easy_getinfo(s.curl, CURLINFO_RESPONSE_CODE, &status);
	if (s.enough || interrupted)
		return CODE_DONE;
	if (status < 400 || status >= 500)
		return CODE_AWAY;
	json_t *problem = json_loadb(s.refusal.data, s.refusal.len, 0, NULL);
	int code = tell_problem(cli, problem, status);

	json_decref(problem);
	return code;
}

int web_admin(struct cli *cli, const char *address, const char *page, long *status_out, const char **text_out)
{
	struct buffer bytes = { .arena = cli->arena };
	CURL *curl = curl_of(cli);

	curl_easy_setopt(curl, CURLOPT_URL, arena_printf(cli->arena, "http://%s%s", address, page));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ADMIN_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
	CURLcode result = curl_easy_perform(curl);

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status_out);
	*text_out = bytes.len ? bytes.data : "";
	return result == CURLE_OK ? CODE_DONE : CODE_AWAY;
}
