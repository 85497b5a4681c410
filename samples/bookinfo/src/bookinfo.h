/* SPDX-License-Identifier: Apache-2.0 */
/* What the four services of BookInfo have in common: where each is, and how this one behaves.
 *
 * Place   main.c reads it from the environment; the services get it as exchange.conf
 */
#ifndef BOOKINFO_BOOKINFO_H
#define BOOKINFO_BOOKINFO_H

#include "exchange.h"

enum { BOOKINFO_PORT = 9080 };

struct bookinfo_conf {
    const char *details_host, *reviews_host, *ratings_host; /* with the domain, without the port */
    unsigned details_port, reviews_port, ratings_port;
    const char *version;     /* ratings: "v1", "v-faulty" and so on */
    uint64_t seed;           /* ratings: of its choice whom to do wrong to */
    bool ratings_enabled;    /* reviews: asks ratings for stars */
    const char *star_color;  /* reviews: "black" or "red" */
    const char *podname;     /* reviews: $HOSTNAME, or "" */
    const char *clustername; /* reviews: $CLUSTER_NAME, or "null" */
    unsigned flood_factor;   /* productpage: extra calls of reviews for each page */
    bool books_external;     /* details: asks a book service on the Internet */
    bool books_plain;        /* details: in plain text, for the mesh to encrypt */
};

extern const struct service_type details_service, ratings_service, reviews_service,
    productpage_service;

#endif
