/* SPDX-License-Identifier: Apache-2.0 */
/* What the two services of the Fruit Smoothies application know from their environment.
 *
 * Place   main.c reads it; the services get it as exchange.conf
 */
#ifndef RATINGSAPP_RATINGSAPP_H
#define RATINGSAPP_RATINGSAPP_H

#include "exchange.h"

struct ratingsapp_conf {
    const char *mongodb_uri; /* ratings-api: $MONGODB_URI */
    const char *api_host;    /* ratings-web: out of $API, http://HOST[:PORT] */
    unsigned api_port;
    const char *site_code; /* ratings-web: $SITE_CODE */
    const char *web_root;  /* ratings-web: the folder that it serves */
};

extern const struct service_type api_service, web_service;

#endif
