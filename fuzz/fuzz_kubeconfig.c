/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a kubeconfig: it gives a configuration with a server and a namespace, or a reason.
 */
#include "kube/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const contexts[] = {NULL, "other", ""};

    for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
        struct kube_config config = {0};
        struct error err = {0};

        if (kube_config_parse(slice_make(data, size), "/nonexistent", contexts[i], &config, &err) <
            0)
            ASSERT(err.reason[0] != '\0');
        else
            ASSERT(config.server != NULL && config.default_namespace != NULL);
        kube_config_deinit(&config);
    }
    return 0;
}
