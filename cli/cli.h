/*
 * guanxi, the command: what an operator or a script asks of a running system. It talks HTTP to the gateway
 *like any other program, reads the processes' admin ports, and, to verify a log, PostgreSQL. Commands are
 *rows of a table (main.c), all that they print is rows of JSON, shown as a table unless JSON was asked for.
 *
 *	int user_list(struct cli *cli)
 *	{
 *		json_t *answer;
 *		TRY_CODE(web_call(cli, "GET", "/api/v1/users?limit=500", NULL, &answer));
 *		return show_rows(cli, json_object_get(answer, "data"), columns);
 *	}
 */
#pragma once
#include "kit/arena.h"
#include "kit/problem.h"
#include <jansson.h>

/* How the command ends; part of its interface. */
enum exit_code {
	CODE_DONE = 0,
	CODE_REFUSED = 1, /* the system said no, or something failed; the reason is on stderr */
	CODE_USAGE = 2,   /* wrong words or options */
	CODE_AWAY = 3,    /* nothing answers, or it cannot be read */
	CODE_FOUND = 4,   /* it answered, and something is wrong: a process is not ready, a log is broken */
};

#define TRY_CODE(call)                                                                                       \
	do {                                                                                                 \
		int code_ = (call);                                                                          \
		if (code_ != CODE_DONE)                                                                      \
			return code_;                                                                        \
	} while (0)

/* Texts for people, in text.def. */
#define TEXT(NAME, en, zh) TEXT_##NAME,
enum text {
	TEXT_NONE,
#include "cli/text.def"
	TEXT_COUNT
};
#undef TEXT

struct web;

struct cli {
	struct arena *arena;
	enum language language;
	bool json;
	bool state_is_named; /* by --state or GUANXI_VAR */
	struct web *web;
	const char *program_directory; /* where the running binary is */
	const char **words;            /* behind the command's own, ended by NULL */
	size_t word_count;
	/* options; NULL when not given and without default */
	const char *output, *lang, *url, *state, *admin, *database, *email, *password_file;
	const char *from, *types, *subject, *count;
	const char *scopes, *days, *owner, *role, *team;
	const char *signing_key, *public_key, *log;
	const char *collection, *policy, *key, *trial, *refused, *format, *to, *query, *filter, *fields;
};

/* text.c */
const char *text_of(const struct cli *cli, enum text text);
/* "guanxi: …" on stderr; gives `code` back, for return. The text is a printf format. */
int complain(const struct cli *cli, int code, enum text text, ...);
void say(const struct cli *cli, enum text text, ...);

/* show.c: rows as a table, or as JSON with --output json. Columns end with a member of NULL. Takes the
 * reference. */
struct column {
	const char *member;
	const char *en, *zh;
};
int show_rows(struct cli *cli, json_t *rows, const struct column *columns);

/* web.c: signs in at the first call, and out in web_close(), unless GUANXI_API_KEY is set. Problems are told
 * on stderr and as a code. The caller has the answer's reference; NULL when there was no body. */
int web_call(struct cli *cli, const char *method, const char *path, json_t *body, json_t **answer_out);
/* A whole file as the body; and an answer's bytes into a file ("-": standard output). */
int web_upload(struct cli *cli, const char *path, const char *file, json_t **answer_out);
int web_download(struct cli *cli, const char *path, const char *file);
/* Bytes of a stream as they come; ends when `take` says false, when the server ends it (CODE_AWAY), or at
 * Ctrl-C. */
int web_stream(struct cli *cli, const char *path, const char *last_event_id,
	bool (*take)(void *ctx, const char *bytes, size_t len), void *ctx);
/* An admin page: CODE_AWAY when nothing answers. The text lives in cli->arena. */
int web_admin(
	struct cli *cli, const char *address, const char *page, long *status_out, const char **text_out);
bool web_interrupted(void);
void web_close(struct cli *cli);
const char *web_escape(struct cli *cli, const char *text);
const char *web_unescape(struct cli *cli, const char *text);

/* installation.c: what the state directory tells of the processes. */
struct process {
	const char *name, *admin; /* admin address */
	const char *database;     /* NULL: it has none */
};
/* From --admin, or the state directory. */
int installation_read(struct cli *cli, struct process **processes_out, size_t *count_out);
/* The trimmed content of a file; NULL when it cannot be read. */
const char *file_text(struct cli *cli, const char *path);

/* commands */
int status_run(struct cli *cli);
int show_requests(struct cli *cli);
int show_streams(struct cli *cli);
int show_lag(struct cli *cli);
int show_parked(struct cli *cli);
int show_jobs(struct cli *cli);
int tail_run(struct cli *cli);
int user_list(struct cli *cli);
int user_create(struct cli *cli);
int user_set_password(struct cli *cli);
int user_activate(struct cli *cli);
int user_deactivate(struct cli *cli);
int key_list(struct cli *cli);
int key_create(struct cli *cli);
int key_revoke(struct cli *cli);
int import_run(struct cli *cli);
int export_run(struct cli *cli);
int verify_log_run(struct cli *cli);
int curve_keys_run(struct cli *cli);
int backup_run(struct cli *cli);
int restore_run(struct cli *cli);
