#include "deploy/cli/cli.h"
#include <locale.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int help_run(struct cli *cli);
static int completion_run(struct cli *cli);

/* A name of one or two words; `usage` is what stands behind it; options are names of those below, beside the
 * common ones. */
static const struct command {
	const char *name, *usage;
	unsigned words_min, words_max;
	int (*run)(struct cli *cli);
	const char *options;
	enum text summary;
} commands[] = {
	{ "status", "", 0, 0, status_run, "admin", TEXT_STATUS },
	{ "show requests", "", 0, 0, show_requests, "admin", TEXT_SHOW_REQUESTS },
	{ "show streams", "", 0, 0, show_streams, "admin", TEXT_SHOW_STREAMS },
	{ "show lag", "", 0, 0, show_lag, "admin", TEXT_SHOW_LAG },
	{ "show parked", "", 0, 0, show_parked, "", TEXT_SHOW_PARKED },
	{ "show jobs", "", 0, 0, show_jobs, "", TEXT_SHOW_JOBS },
	{ "tail", "", 0, 0, tail_run, "from types subject count", TEXT_TAIL },
	{ "user list", "", 0, 0, user_list, "", TEXT_USER_LIST },
	{ "user create", "EMAIL NAME", 2, 2, user_create, "role team", TEXT_USER_CREATE },
	{ "user set-password", "EMAIL", 1, 1, user_set_password, "", TEXT_USER_SET_PASSWORD },
	{ "user activate", "EMAIL", 1, 1, user_activate, "", TEXT_USER_ACTIVATE },
	{ "user deactivate", "EMAIL", 1, 1, user_deactivate, "", TEXT_USER_DEACTIVATE },
	{ "key list", "", 0, 0, key_list, "", TEXT_KEY_LIST },
	{ "key create", "NAME --scopes SCOPES", 1, 1, key_create, "scopes days owner", TEXT_KEY_CREATE },
	{ "key revoke", "ID", 1, 1, key_revoke, "", TEXT_KEY_REVOKE },
	{ "import", "FILE", 1, 1, import_run, "collection policy key trial refused", TEXT_IMPORT },
	{ "export", "COLLECTION", 1, 1, export_run, "format to query filter fields", TEXT_EXPORT },
	{ "verify-log", "[SERVICE...]", 0, 32, verify_log_run, "database signing-key public-key log",
		TEXT_VERIFY_LOG },
	{ "curve-keys", "", 0, 0, curve_keys_run, "", TEXT_CURVE_KEYS },
	{ "backup", "", 0, 0, backup_run, "", TEXT_BACKUP },
	{ "restore", "BACKUP [SECRETS]", 1, 2, restore_run, "", TEXT_RESTORE },
	{ "completion", "", 0, 0, completion_run, "", TEXT_COMPLETION },
	{ "help", "[COMMAND]", 0, 2, help_run, "", TEXT_HELP },
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

#define MEMBER(name) offsetof(struct cli, name)
static const struct option {
	const char *name, *value; /* NULL: it takes none */
	size_t member;            /* a const char * of struct cli */
	bool common;              /* every command takes it */
	enum text help;
} options[] = {
	{ "output", "FORM", MEMBER(output), true, TEXT_OPTION_OUTPUT },
	{ "lang", "LANGUAGE", MEMBER(lang), true, TEXT_OPTION_LANG },
	{ "url", "URL", MEMBER(url), true, TEXT_OPTION_URL },
	{ "state", "DIRECTORY", MEMBER(state), true, TEXT_OPTION_STATE },
	{ "email", "EMAIL", MEMBER(email), true, TEXT_OPTION_EMAIL },
	{ "password-file", "FILE", MEMBER(password_file), true, TEXT_OPTION_PASSWORD_FILE },
	{ "admin", "ADDRESSES", MEMBER(admin), false, TEXT_OPTION_ADMIN },
	{ "database", "CONNINFO", MEMBER(database), false, TEXT_OPTION_DATABASE },
	{ "from", "PLACE", MEMBER(from), false, TEXT_OPTION_FROM },
	{ "types", "TYPES", MEMBER(types), false, TEXT_OPTION_TYPES },
	{ "subject", "RECORD", MEMBER(subject), false, TEXT_OPTION_SUBJECT },
	{ "count", "NUMBER", MEMBER(count), false, TEXT_OPTION_COUNT },
	{ "scopes", "SCOPES", MEMBER(scopes), false, TEXT_OPTION_SCOPES },
	{ "days", "NUMBER", MEMBER(days), false, TEXT_OPTION_DAYS },
	{ "owner", "EMAIL", MEMBER(owner), false, TEXT_OPTION_OWNER },
	{ "role", "ROLE", MEMBER(role), false, TEXT_OPTION_ROLE },
	{ "team", "ID", MEMBER(team), false, TEXT_OPTION_TEAM },
	{ "signing-key", "FILE", MEMBER(signing_key), false, TEXT_OPTION_SIGNING_KEY },
	{ "public-key", "HEX", MEMBER(public_key), false, TEXT_OPTION_PUBLIC_KEY },
	{ "log", "FILE", MEMBER(log), false, TEXT_OPTION_LOG },
	{ "collection", "NAME", MEMBER(collection), false, TEXT_OPTION_COLLECTION },
	{ "policy", "POLICY", MEMBER(policy), false, TEXT_OPTION_POLICY },
	{ "key", "FIELD", MEMBER(key), false, TEXT_OPTION_KEY },
	{ "trial", NULL, MEMBER(trial), false, TEXT_OPTION_TRIAL },
	{ "refused", "FILE", MEMBER(refused), false, TEXT_OPTION_REFUSED },
	{ "format", "FORM", MEMBER(format), false, TEXT_OPTION_FORMAT },
	{ "to", "FILE", MEMBER(to), false, TEXT_OPTION_TO },
	{ "query", "TEXT", MEMBER(query), false, TEXT_OPTION_QUERY },
	{ "filter", "CONDITIONS", MEMBER(filter), false, TEXT_OPTION_FILTER },
	{ "fields", "NAMES", MEMBER(fields), false, TEXT_OPTION_FIELDS },
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

/* --- which command */

static const struct command *command_named(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Takes the command's words from the front. */
static const struct command *take_command(struct cli *cli)
{
	const struct command *found = NULL;
	size_t taken = 0;

	if (cli->word_count >= 2)
		found = command_named(arena_printf(cli->arena, "%s %s", cli->words[0], cli->words[1]));
	taken = found ? 2 : 1;
	if (!found && cli->word_count)
		found = command_named(cli->words[0]);
	if (found) {
		cli->words += taken;
		cli->word_count -= taken;
	}
	return found;
}

/* --- options */

static bool takes(const struct command *command, const struct option *option)
{
	size_t len = strlen(option->name);

	if (option->common)
		return true;
	for (const char *at = command->options; (at = strstr(at, option->name)); at += len)
		if ((at == command->options || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static const struct option *option_named(const char *name, size_t len)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

/* Words and options stand in any order; "--name value" and "--name=value" are the same; after "--" all are
 * words. */
static int read_arguments(struct cli *cli, int argc, char **argv, bool given[OPTION_COUNT], bool *help_out)
{
	bool only_words = false;

	cli->words = arena_zalloc(cli->arena, ((size_t)argc + 1) * sizeof *cli->words);
	for (int i = 1; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		const struct option *option;

		if (!only_words && !strcmp(argv[i], "--")) {
			only_words = true;
		} else if (only_words || strncmp(argv[i], "-", 1)) {
			cli->words[cli->word_count++] = argv[i];
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			*help_out = true;
		} else if (len < 3 || !(option = option_named(argv[i] + 2, len - 2))) {
			return complain(cli, CODE_USAGE, TEXT_BAD_OPTION, argv[i], "");
		} else if (!option->value && !argv[i][len]) {
			given[option - options] = true;
			*(const char **)((char *)cli + option->member) = "";
		} else if (!option->value) {
			return complain(cli, CODE_USAGE, TEXT_TAKES_NONE, argv[i]);
		} else if (!argv[i][len] && i + 1 == argc) {
			return complain(cli, CODE_USAGE, TEXT_NO_VALUE, argv[i]);
		} else {
			given[option - options] = true;
			*(const char **)((char *)cli + option->member) =
				argv[i][len] ? argv[i] + len + 1 : argv[++i];
		}
	}
	return CODE_DONE;
}

static int check(struct cli *cli, const struct command *command, const bool given[OPTION_COUNT])
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (given[i] && !takes(command, &options[i]))
			return complain(cli, CODE_USAGE, TEXT_BAD_OPTION,
				arena_printf(cli->arena, "--%s", options[i].name), command->name);
	if (cli->word_count < command->words_min || cli->word_count > command->words_max)
		return complain(cli, CODE_USAGE, TEXT_BAD_WORDS,
			arena_printf(cli->arena, "%s %s", command->name, command->usage));
	if (cli->output && strcmp(cli->output, "table") && strcmp(cli->output, "json"))
		return complain(cli, CODE_USAGE, TEXT_BAD_VALUE, "--output", cli->output,
			text_of(cli, TEXT_OPTION_OUTPUT));
	if (cli->lang && strcmp(cli->lang, "en") && strcmp(cli->lang, "zh"))
		return complain(
			cli, CODE_USAGE, TEXT_BAD_VALUE, "--lang", cli->lang, text_of(cli, TEXT_OPTION_LANG));
	return CODE_DONE;
}

/* --- defaults */

static enum language language_of(const struct cli *cli)
{
	const char *name = cli->lang;

	if (!name || !*name)
		name = getenv("LC_ALL");
	if (!name || !*name)
		name = getenv("LC_MESSAGES");
	if (!name || !*name)
		name = getenv("LANG");
	return name && !strncmp(name, "zh", 2) ? LANGUAGE_ZH : LANGUAGE_EN;
}

static const char *first_of(const char *option, const char *variable, const char *fallback)
{
	const char *value = option ? option : getenv(variable);

	return value && *value ? value : fallback;
}

static void set_defaults(struct cli *cli)
{
	cli->state_is_named = first_of(cli->state, "GUANXI_VAR", NULL);
	cli->state = first_of(cli->state, "GUANXI_VAR", "var");
	cli->email = first_of(cli->email, "GUANXI_EMAIL", "admin@example.com");
	cli->url = first_of(cli->url, "GUANXI_URL", NULL);
	if (cli->url)
		return;
	const char *port = file_text(cli, arena_printf(cli->arena, "%s/supervise/.port", cli->state));

	cli->url = arena_printf(cli->arena, "http://127.0.0.1:%s", port ? port : "8080");
}

static void find_program(struct cli *cli)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	path[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(path, '/');

	cli->program_directory = arena_strndup(cli->arena, path, slash ? (size_t)(slash - path) : 0);
}

/* --- help and completion */

static void print_options(struct cli *cli, const struct command *command)
{
	say(cli, TEXT_HELP_OPTIONS);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (command ? takes(command, &options[i]) : options[i].common)
			printf("  --%s%s%s\n        %s\n", options[i].name, options[i].value ? " " : "",
				options[i].value ? options[i].value : "", text_of(cli, options[i].help));
}

static int help_run(struct cli *cli)
{
	const struct command *command = take_command(cli);

	if (command) {
		say(cli, TEXT_HELP_USAGE, arena_printf(cli->arena, "%s %s", command->name, command->usage),
			text_of(cli, command->summary));
		print_options(cli, command);
		return CODE_DONE;
	}
	if (cli->word_count)
		return complain(cli, CODE_USAGE, TEXT_BAD_COMMAND, cli->words[0]);
	say(cli, TEXT_HELP_HEAD);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-38s %s\n", arena_printf(cli->arena, "%s %s", commands[i].name, commands[i].usage),
			text_of(cli, commands[i].summary));
	print_options(cli, NULL);
	say(cli, TEXT_HELP_ENVIRONMENT);
	return CODE_DONE;
}

/* For each first word the second ones, and the options of each command: from the tables above. */
static int completion_run(struct cli *cli)
{
	(void)cli;
	puts("_guanxi() {\n\tlocal now=${COMP_WORDS[COMP_CWORD]} words=\n\tcase \"${COMP_WORDS[1]} "
	     "${COMP_WORDS[2]} \" in");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		printf("\t\"%s \"*) words=\"", commands[i].name);
		for (size_t k = 0; k < OPTION_COUNT; k++)
			if (takes(&commands[i], &options[k]))
				printf("--%s ", options[k].name);
		puts("--help\" ;;");
	}
	fputs("\tesac\n\t((COMP_CWORD != 1)) || words=\"", stdout);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("%.*s ", (int)strcspn(commands[i].name, " "), commands[i].name);
	puts("\"");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const char *space = strchr(commands[i].name, ' ');

		if (space)
			printf("\t[[ $COMP_CWORD != 2 || ${COMP_WORDS[1]} != %.*s ]] || words+=\" %s\"\n",
				(int)(space - commands[i].name), commands[i].name, space + 1);
	}
	puts("\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$now\")\n}");
	puts("complete -o default -F _guanxi guanxi");
	return CODE_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	bool given[OPTION_COUNT] = { false }, wants_help = false;

	cli->language = language_of(cli);
	TRY_CODE(read_arguments(cli, argc, argv, given, &wants_help));
	cli->language = language_of(cli);
	if (wants_help)
		return help_run(cli);
	if (!cli->word_count) {
		help_run(cli);
		return CODE_USAGE;
	}
	const char *first = cli->words[0];
	const struct command *command = take_command(cli);

	if (!command)
		return complain(cli, CODE_USAGE, TEXT_BAD_COMMAND, first);
	TRY_CODE(check(cli, command, given));
	cli->json = cli->output && !strcmp(cli->output, "json");
	set_defaults(cli);
	find_program(cli);
	return command->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli = { .arena = arena_new() };

	setlocale(LC_CTYPE, "C.UTF-8");
	int code = sodium_init() < 0 ? CODE_REFUSED : run(&cli, argc, argv);

	web_close(&cli);
	arena_free(cli.arena);
	return code;
}
