/* The customer service as a table. */
#include "customer/customer.h"
#include "kit/bulk_undo.h"
#include "kit/migrate.h"
#include "kit/people.h"

extern const struct migration customer_migrations[];

static const struct resource resources[] = {
	{ "customers", &customer_ops },
	{ "contacts", NULL },
	{ "activities", NULL },
	{ "jobs", NULL },
	{ "categories", &category_ops },
	{ "fieldPolicies", &policy_ops },
	{ "relationships", &relationship_ops },
	{ "duplicates", &duplicate_ops },
	{ "merges", NULL },
	{ 0 },
};

/* What a job did is undone as it was done: over the rows that it went through, or over its part of the log.
 */
static enum status revert_job(struct request *req)
{
	bool over_rows;

	TRY(transfer_check_scope(req));
	TRY(bulk_undo_fits(req, &over_rows));
	return over_rows ? bulk_undo_start(req) : transfer_revert(req);
}

static const struct method methods[] = {
	{ "CustomerService.CreateImport", transfer_import, .makes = "jobs" },
	{ "CustomerService.ImportContacts", transfer_import, .makes = "jobs" },
	{ "CustomerService.ImportActivities", transfer_import, .makes = "jobs" },
	{ "CustomerService.ExportCustomers", transfer_export, .makes = "jobs" },
	{ "CustomerService.ExportContacts", transfer_export, .makes = "jobs" },
	{ "CustomerService.ExportActivities", transfer_export, .makes = "jobs" },
	{ "CustomerService.RevertJob", revert_job, .makes = "jobs" },
	{ "CustomerService.CancelJob", transfer_cancel, .makes = "jobs" },
	{ "CustomerService.BeginFile", file_begin },
	{ "CustomerService.AppendFile", file_append },
	{ "CustomerService.FinishFile", file_finish },
	{ "CustomerService.ReadFile", file_read },
	{ "RelationService.GetGraph", graph_get },
	{ "RelationService.FindDuplicates", duplicate_find },
	{ "RelationService.SuggestTags", tag_suggest },
	{ "RelationService.MergeCustomers", merge_customers, .makes = "customers" },
	{ "RelationService.UnmergeCustomers", merge_undo, .makes = "customers" },
	{ 0 },
};

static const struct subscription follows[] = {
	{ "customer.identity", "identity", people_apply },
	{ "customer.ownership", "customer", ownership_apply },
	{ "customer.derive", "customer", .apply_all = derive_apply },
	{ "customer.duplicates", "customer", .apply_all = duplicate_apply },
	{ 0 },
};

/* What was refused is a file like any other. */
static const struct job_files files = { .create = file_create, .add = file_add, .end = file_end };

static enum status run_bulk(struct request *req, struct job *job)
{
	return bulk_step(req, job, &files);
}

static enum status run_bulk_undo(struct request *req, struct job *job)
{
	return bulk_undo_step(req, job, &files);
}

static const struct job_kind jobs[] = {
	{ "import", import_step },
	{ "customer-import", import_step }, /* as it was called when there was one only */
	{ "export", export_step },
	{ "revert", revert_step },
	{ "customer-derive", derive_step },
	{ BULK_KIND, run_bulk },
	{ BULK_UNDO_KIND, run_bulk_undo },
	{ 0 },
};

static const struct chore chores[] = {
	{ "forget idempotency keys",
		"DELETE FROM idempotency WHERE create_time < now() - interval '24 hours'", 600 },
	{ "drop unfinished uploads",
		"DELETE FROM file WHERE NOT finished AND create_time < now() - interval '24 hours'", 3600 },
	{ "drop expired files", "DELETE FROM file WHERE expire_time < now()", 3600 },
	{ "forget trial runs that were cut off",
		"DELETE FROM import_seen s USING job j WHERE j.id = s.job_id AND j.state NOT IN (1, 2, 6)",
		3600 },
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
