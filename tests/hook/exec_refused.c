/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that cannot be hooked is refused with a sentence, directly or as
 * interpreter. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Runs @path; returns errno, its standard error in @text. */
static int try(const char *path, char *text, size_t size)
{
	char *argv[] = { (char *)path, NULL };
	int p[2];
	ssize_t n;
	pid_t pid;

	CHECK(!pipe(p));
	pid = fork();
	if (!pid) {
		dup2(p[1], 2);
		execv(path, argv);
		_exit(errno);
	}
	close(p[1]);
	n = read(p[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	return status_of(pid);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/toami-hook-XXXXXX", path[64], line[400], text[600];
	int fd;

	CHECK(argc == 2);
	CHECK(try(argv[1], text, sizeof(text)) == EPERM);
	CHECK(strstr(text, "toami: ") && strstr(text, argv[1]) &&
	      strstr(text, "statically linked"));

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/script", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0755);
	dprintf(fd, "#! %s x\n", argv[1]);
	close(fd);
	snprintf(line, sizeof(line), "%s", argv[1]);
	if (strlen(line) < 200) {
		CHECK(try(path, text, sizeof(text)) == EPERM);
		CHECK(strstr(text, argv[1]));
	}
	unlink(path);
	if (!geteuid()) {
		snprintf(line, sizeof(line),
			 "cp /bin/true %s && chown 1 %s && "
			 "chmod 4755 %s",
			 path, path, path);
		CHECK(!system(line));
		CHECK(try(path, text, sizeof(text)) == EPERM);
		CHECK(strstr(text, "set-user-ID"));
		unlink(path);
	}
	rmdir(dir);
	return 0;
}
