#include "notification/notification.h"

int main(int argc, char **argv)
{
	notification_follow_all();
	return service_run(argc, argv, &notification_service);
}
