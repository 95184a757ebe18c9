/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See netif.h. The old requests of ioctl() do all that is needed, and an
 * address that needs no duplicate detection: the daemon hands out each once.
 */
#include "port/netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int ask(int family, unsigned long request, void *arg)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, request, arg) ? -errno : 0;
	close(fd);
	return err;
}

static struct ifreq about(const char *name)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, IFNAMSIZ, "%s", name);
	return r;
}

int netif_may(const char *name)
{
	struct ifreq r = about(name);
	int err = ask(AF_INET, SIOCGIFFLAGS, &r);

	/* As they are: all that is asked is the right to say so. */
	return err ? err : ask(AF_INET, SIOCSIFFLAGS, &r);
}

int netif_up(const char *name)
{
	struct ifreq r = about(name);
	int err = ask(AF_INET, SIOCGIFFLAGS, &r);

	r.ifr_flags |= IFF_UP;
	return err ? err : ask(AF_INET, SIOCSIFFLAGS, &r);
}

static int set_mac(const char *name, const char *text)
{
	struct ifreq r = about(name);
	unsigned m[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4,
		   m + 5) != 6)
		return -EINVAL;
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	for (int i = 0; i < 6; i++)
		r.ifr_hwaddr.sa_data[i] = (char)m[i];
	return ask(AF_INET, SIOCSIFHWADDR, &r);
}

static int set_mtu(const char *name, int mtu)
{
	struct ifreq r = about(name);

	r.ifr_mtu = mtu;
	return ask(AF_INET, SIOCSIFMTU, &r);
}

static struct sockaddr inet(in_addr_t addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr = { addr } };
	struct sockaddr s;

	memcpy(&s, &sin, sizeof(s));
	return s;
}

static int set_address4(const char *name, const char *text, int bits)
{
	struct ifreq r = about(name);
	int err;

	r.ifr_addr = inet(inet_addr(text));
	err = ask(AF_INET, SIOCSIFADDR, &r);
	if (err)
		return err;
	r.ifr_netmask = inet(bits ? htonl(UINT32_MAX << (32 - bits)) : 0);
	return ask(AF_INET, SIOCSIFNETMASK, &r);
}

/* The file may not be there (no IPv6), or not be ours to write. */
static void set_sysctl6(const char *name, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name,
		 key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		errno = 0;
	close(fd);
}

static int set_address6(const char *name, const char *text, int bits)
{
	struct in6_ifreq r = { .ifr6_prefixlen = (uint32_t)bits,
			       .ifr6_ifindex = (int)if_nametoindex(name) };
	int err;

	if (inet_pton(AF_INET6, text, &r.ifr6_addr) != 1)
		return -EINVAL;
	err = ask(AF_INET6, SIOCSIFADDR, &r);
	return err == -EEXIST ? 0 : err;
}

static int set_gateway4(const char *name, const char *text)
{
	char dev[IFNAMSIZ];
	struct rtentry r = { .rt_dev = dev, .rt_flags = RTF_UP | RTF_GATEWAY };

	snprintf(dev, sizeof(dev), "%s", name);
	r.rt_dst = r.rt_genmask = inet(0);
	r.rt_gateway = inet(inet_addr(text));
	return ask(AF_INET, SIOCADDRT, &r);
}

static int set_gateway6(const char *name, const char *text)
{
	struct in6_rtmsg r = { .rtmsg_metric = 1024,
			       .rtmsg_flags = RTF_UP | RTF_GATEWAY,
			       .rtmsg_ifindex = (int)if_nametoindex(name) };

	if (inet_pton(AF_INET6, text, &r.rtmsg_gateway) != 1)
		return -EINVAL;
	return ask(AF_INET6, SIOCADDRT, &r);
}

int netif_setup(const char *name, const struct netif *setup, const char **what)
{
	int err;

	*what = "its MAC address cannot be set";
	err = set_mac(name, setup->mac);
	if (!err) {
		*what = "its MTU cannot be set";
		err = set_mtu(name, setup->mtu);
	}
	/* Nobody else has the addresses, and no router is there to be heard. */
	set_sysctl6(name, "accept_dad", "0");
	set_sysctl6(name, "accept_ra", "0");
	if (!err) {
		*what = "it cannot be switched on";
		err = netif_up(name);
	}
	if (!err && *setup->address) {
		*what = "its IPv4 address cannot be set";
		err = set_address4(name, setup->address, setup->prefix);
	}
	/* A kernel without IPv6 does without. */
	if (!err && *setup->address6) {
		*what = "its IPv6 address cannot be set";
		err = set_address6(name, setup->address6, setup->prefix6);
		if (err == -EAFNOSUPPORT)
			return 0;
	}
	if (!err && *setup->gateway) {
		*what = "the IPv4 route to its gateway cannot be set";
		err = set_gateway4(name, setup->gateway);
	}
	if (!err && *setup->gateway6 && *setup->address6) {
		*what = "the IPv6 route to its gateway cannot be set";
		err = set_gateway6(name, setup->gateway6);
	}
	return err;
}
