/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory of users that does not answer: preloaded into the daemon. */
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

__attribute__((noreturn)) static void *never(void)
{
	for (;;)
		pause();
}

struct passwd *getpwnam(const char *name)
{
	(void)name;
	return never();
}

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	return never();
}

int getpwnam_r(const char *restrict name, struct passwd *restrict user,
	       char *restrict buf, size_t bytes,
	       struct passwd **restrict result)
{
	(void)name, (void)user, (void)buf, (void)bytes;
	*result = never();
	return 0;
}

int getpwuid_r(uid_t uid, struct passwd *restrict user, char *restrict buf,
	       size_t bytes, struct passwd **restrict result)
{
	(void)uid, (void)user, (void)buf, (void)bytes;
	*result = never();
	return 0;
}

struct group *getgrnam(const char *name)
{
	(void)name;
	return never();
}

struct group *getgrgid(gid_t gid)
{
	(void)gid;
	return never();
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return never();
}

struct netent *getnetbyname(const char *name)
{
	(void)name;
	return never();
}

/* libpcap asks in a process of its own. */
struct protoent *getprotobyname(const char *name)
{
	(void)name;
	return never();
}

int getprotobyname_r(const char *restrict name,
		     struct protoent *restrict protocol, char *restrict buf,
		     size_t bytes, struct protoent **restrict result)
{
	(void)name, (void)protocol, (void)buf, (void)bytes;
	*result = never();
	return 0;
}
