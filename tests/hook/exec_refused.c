/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that cannot be hooked is refused with a sentence, directly or as
 * interpreter. */
#include "check.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

static char path[64], text[600];

/* Runs @file; returns errno, its standard error in text. */
static int try(const char *file, uid_t uid)
{
	char *argv[] = { (char *)file, NULL };
	int p[2];
	ssize_t n;
	pid_t pid;

	CHECK(!pipe(p));
	pid = fork();
	if (!pid) {
		dup2(p[1], 2);
		if (uid && setuid(uid))
			_exit(0);
		execv(file, argv);
		_exit(errno);
	}
	close(p[1]);
	n = read(p[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	return status_of(pid);
}

static void expect_refusal(const char *file, uid_t uid, const char *why)
{
	CHECK(try(file, uid) == EPERM);
	CHECK(strstr(text, "toami: ") && strstr(text, path) &&
	      strstr(text, why));
}

static void write_file(const void *bytes, size_t n, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0700);

	CHECK(write(fd, bytes, n) == (ssize_t)n);
	CHECK(!fchmod(fd, mode));
	close(fd);
}

int main(void)
{
	struct {
		Elf32_Ehdr head;
		char rest[200];
	} old = { .head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32 },
			    .e_machine = EM_386 } };
	char dir[] = "/tmp/toami-hook-XXXXXX", script[80], line[300];
	int fd;

	CHECK(mkdtemp(dir) && !chmod(dir, 0755));
	snprintf(path, sizeof(path), "%s/program", dir);
	write_file(&old, sizeof(old), 0755);
	expect_refusal(path, 0, "32-bit");

	snprintf(script, sizeof(script), "%s/script", dir);
	fd = open(script, O_CREAT | O_WRONLY, 0755);
	dprintf(fd, "#! %s x\n", path);
	close(fd);
	expect_refusal(script, 0, "32-bit");
	unlink(script);

	if (!geteuid()) {
		snprintf(line, sizeof(line),
			 "cp /bin/true %s && chown 1 %s && chmod 4755 %s", path,
			 path, path);
		CHECK(!system(line));
		expect_refusal(path, 0, "set-user-ID");
		/* May be executed, not read: nobody could see what it is. */
		snprintf(line, sizeof(line), "chown 0 %s && chmod 711 %s", path,
			 path);
		CHECK(!system(line));
		expect_refusal(path, 65534, "cannot be read");
	}
	unlink(path);
	rmdir(dir);
	return 0;
}
