/* The customer service as a table. */
#include "customer/customer.h"
#include "kit/migrate.h"
#include "kit/revert.h"

extern const struct migration customer_migrations[];

static const struct resource resources[] = {
	{ "customers", &customer_ops },
	{ "contacts", NULL },
	{ "activities", NULL },
	{ "jobs", NULL },
	{ 0 },
};

static const struct method methods[] = {
	{ "CustomerService.CreateImport", import_create, .makes = "jobs" },
	{ "CustomerService.CancelJob", import_cancel, .makes = "jobs" },
	{ "CustomerService.RevertJob", revert_start, .makes = "jobs" },
	{ "CustomerService.BeginFile", file_begin },
	{ "CustomerService.AppendFile", file_append },
	{ "CustomerService.FinishFile", file_finish },
	{ "CustomerService.ReadFile", file_read },
	{ 0 },
};

static const struct subscription follows[] = {
	{ "customer.identity", "identity", projection_apply },
	{ "customer.ownership", "customer", ownership_apply },
	{ 0 },
};

/* What was refused is a file like any other. */
static const struct job_files files = { .create = file_create, .add = file_add, .end = file_end };

static enum status run_bulk(struct request *req, struct job *job)
{
	return bulk_step(req, job, &files);
}

static enum status run_revert(struct request *req, struct job *job)
{
	return revert_step(req, job, &files);
}

static const struct job_kind jobs[] = {
	{ "customer-import", import_step },
	{ BULK_KIND, run_bulk },
	{ REVERT_KIND, run_revert },
	{ 0 },
};

static const struct chore chores[] = {
	{ "forget idempotency keys",
		"DELETE FROM idempotency WHERE create_time < now() - interval '24 hours'", 600 },
	{ "drop unfinished uploads",
		"DELETE FROM file WHERE NOT finished AND create_time < now() - interval '24 hours'", 3600 },
	{ "forget what jobs went through", BULK_FORGET, 3600 },
	{ 0 },
};

int main(int argc, char **argv)
{
	return service_run(argc, argv,
		&(struct service){ .name = "customer",
			.resources = resources,
			.methods = methods,
			.follows = follows,
			.jobs = jobs,
			.chores = chores,
			.migrations = customer_migrations });
}
