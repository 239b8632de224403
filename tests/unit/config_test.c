#include "kit/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each case runs in a child: a bad setting ends the process. */

struct outcome {
	int code;
	char text[16384];
};

static struct outcome load(const char *process, char *argument, void (*behind)(void))
{
	struct outcome outcome = { 0 };
	int out[2];
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	pid_t child = fork();

	if (child == 0) {
		char *argv[] = { "x", argument, NULL };

		dup2(out[1], 1);
		dup2(out[1], 2);
		config_load(argument ? 2 : 1, argv, process);
		if (behind)
			behind();
		fflush(NULL);
		_exit(0);
	}
	close(out[1]);
	while ((n = read(out[0], outcome.text + len, sizeof outcome.text - 1 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	int status;

	waitpid(child, &status, 0);
	outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return outcome;
}

/* Not the whole environment: the runner tells cmocka there where its results go. */
static void clear_settings(void)
{
	for (char **at = environ; *at;) {
		char name[128];

		if (strncmp(*at, "GUANXI_", 7) || sscanf(*at, "%127[^=]", name) != 1)
			at++;
		else
			unsetenv(name);
	}
}

static int begin(void **state)
{
	(void)state;
	clear_settings();
	setenv("GUANXI_DATABASE", "dbname=x", 1);
	setenv("GUANXI_BROKER_REQUESTS", "ipc:///r", 1);
	setenv("GUANXI_BROKER_EVENTS", "ipc:///e", 1);
	setenv("GUANXI_SECRET", "00", 1);
	return 0;
}

static void print_some(void)
{
	printf("[%s] [%s] [%ld] [%d] [%d]", config_text("GUANXI_DATABASE"), config_text("GUANXI_REDIS"),
		(long)config_number("GUANXI_WRITE_LANES"), config_is_set("GUANXI_DATABASE"),
		config_is_set("GUANXI_SIGNING_KEY"));
}

static void values_come_from_the_environment_else_from_the_table(void **state)
{
	(void)state;
	struct outcome got = load("customer", NULL, print_some);

	assert_int_equal(got.code, 0);
	assert_string_equal(got.text, "[dbname=x] [] [2] [1] [0]");
	setenv("GUANXI_WRITE_LANES", "7", 1);
	got = load("customer", NULL, print_some);
	assert_string_equal(got.text, "[dbname=x] [] [7] [1] [0]");
}

static void print_secret(void)
{
	printf("[%s]", config_text("GUANXI_SECRET"));
}

static void a_secret_may_come_from_a_file_without_its_last_line_end(void **state)
{
	char path[] = "/tmp/guanxi-config-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "geheim\r\n", 8), 8);
	close(fd);
	unsetenv("GUANXI_SECRET");
	setenv("GUANXI_SECRET_FILE", path, 1);
	assert_string_equal(load("customer", NULL, print_secret).text, "[geheim]");
	unlink(path);
	struct outcome got = load("customer", NULL, print_secret);

	assert_int_equal(got.code, 1);
	assert_non_null(strstr(got.text, "GUANXI_SECRET_FILE names"));
	assert_non_null(strstr(got.text, "No such file"));
}

static void what_is_missing_or_wrong_ends_the_process_with_one_sentence(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{ "GUANXI_DATABASE", NULL,
			"guanxi-customer: GUANXI_DATABASE is not set: libpq connection string" },
		{ "GUANXI_WRITE_LANES", "many",
			"GUANXI_WRITE_LANES must be a whole number from 1 to 16, not \"many\"" },
		{ "GUANXI_WRITE_LANES", "0", "from 1 to 16" },
		{ "GUANXI_WRITE_LANES", "17", "from 1 to 16" },
		{ "GUANXI_WRITE_LANES", "2x", "from 1 to 16" },
		{ "GUANXI_WRITE_LANES", "99999999999999999999", "from 1 to 16" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(NULL);
		if (cases[i].value)
			setenv(cases[i].name, cases[i].value, 1);
		else
			unsetenv(cases[i].name);
		struct outcome got = load("customer", NULL, print_some);

		assert_int_equal(got.code, 1);
		if (!strstr(got.text, cases[i].says))
			print_error("%s\n", got.text);
		assert_non_null(strstr(got.text, cases[i].says));
		assert_ptr_equal(strchr(got.text, '\n'), got.text + strlen(got.text) - 1);
	}
}

static void what_does_not_concern_a_process_is_not_asked_of_it(void **state)
{
	(void)state;
	clear_settings();
	setenv("GUANXI_BIND_REQUESTS", "ipc:///r", 1);
	setenv("GUANXI_BIND_EVENTS", "ipc:///e", 1);
	setenv("GUANXI_WRITE_LANES", "nonsense", 1);
	assert_int_equal(load("broker", NULL, NULL).code, 0);
}

static void help_prints_the_table_and_an_argument_is_refused(void **state)
{
	(void)state;
	struct outcome help = load("customer", "--help", NULL), other = load("customer", "--port=7", NULL);

	assert_int_equal(help.code, 0);
	assert_non_null(strstr(help.text, "GUANXI_DATABASE (required)"));
	assert_non_null(strstr(help.text, "GUANXI_WRITE_LANES = 2"));
	assert_null(strstr(help.text, "GUANXI_WEB_ROOT"));
	assert_int_equal(other.code, 1);
	assert_non_null(strstr(other.text, "unknown argument \"--port=7\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(values_come_from_the_environment_else_from_the_table, begin),
		cmocka_unit_test_setup(a_secret_may_come_from_a_file_without_its_last_line_end, begin),
		cmocka_unit_test_setup(what_is_missing_or_wrong_ends_the_process_with_one_sentence, begin),
		cmocka_unit_test_setup(what_does_not_concern_a_process_is_not_asked_of_it, begin),
		cmocka_unit_test_setup(help_prints_the_table_and_an_argument_is_refused, begin),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
