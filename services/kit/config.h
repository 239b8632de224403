/*
 * Configuration: environment variables, declared in one table (config.c) with default and prose. `--help`
 *prints the table and the README of deploy/ is made from it. A setting whose variable is unset may come from
 *a file named by NAME_FILE.
 *
 *	config_load(argc, argv, "customer");
 *	const char *brokers = config_text("GUANXI_BROKER_REQUESTS");
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Answers --help and --version (and exits), refuses other arguments, reads *_FILE. A value that is not of its
 * type, or a missing one that is required, ends the process with one sentence. */
void config_load(int argc, char **argv, const char *process);

/* "" when unset and without default. Asking for an undeclared name is a bug. */
const char *config_text(const char *name);
int64_t config_number(const char *name);
bool config_is_set(const char *name);

/* One setting ends the process at start: "guanxi-customer: <sentence>". */
void config_refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
