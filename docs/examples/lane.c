/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An example of toami/vif.h: a program that sends in bulk on a VIF below its
 * own, and everything else on its own.
 *
 *	cc -o lane lane.c $(pkg-config --cflags --libs libtoami)
 *	toami vif add /web/bulk rate=10mbit
 *	toami run -v /web -- ./lane /web/bulk 10.77.0.3 7000 1000000
 */
#include <toami/vif.h>

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char zeros[4096] = "";
	long bytes;
	int s, error;

	if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(64, "usage: lane PATH ADDRESS PORT BYTES");
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	bytes = atol(argv[4]);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (s < 0)
		err(1, "socket");
	error = toami_vif_attach_socket(s, argv[1]);
	if (error)
		errx(1, "%s: %s", argv[1], strerror(-error));
	if (connect(s, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s", argv[2]);
	while (bytes > 0) {
		ssize_t n = write(s, zeros,
				  bytes < (long)sizeof(zeros) ? (size_t)bytes
							      : sizeof(zeros));

		if (n < 0)
			err(1, "%s", argv[2]);
		bytes -= n;
	}
	close(s);
	return 0;
}
