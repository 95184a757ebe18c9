/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a TAP, see tap.h: the command's part. */
#include "port/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tap_open(const char *name, char got[IFNAMSIZ])
{
	struct ifreq r = { .ifr_flags = TAP_FLAGS };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return -errno;
	if (name && strlen(name) >= IFNAMSIZ) {
		close(fd);
		return -ENAMETOOLONG;
	}
	if (name)
		strcpy(r.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &r)) {
		err = -errno;
		close(fd);
		return err;
	}
	memcpy(got, r.ifr_name, IFNAMSIZ);
	got[IFNAMSIZ - 1] = 0;
	return fd;
}
