/* SPDX-License-Identifier: Apache-2.0 */
/* A root, and a leaf of it for server.test, 127.0.0.1 and spiffe://cluster.local/ns/a/sa/b; valid
 * for a century. The keys are for tests alone. Made with the openssl program (req -x509, then x509
 * -req with these names). */
#ifndef WEFT_TESTS_UNIT_IO_TEST_CERTS_H
#define WEFT_TESTS_UNIT_IO_TEST_CERTS_H

static const char test_ca_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfzCCASWgAwIBAgIUGPfl60AE+H733j3NLAxs0BF7O2MwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UECgwJd2VmdC10ZXN0MCAXDTI2MTEyNTEwMTczMFoYDzIxMjYxMTAx\n"
    "MTAxNzMwWjAUMRIwEAYDVQQKDAl3ZWZ0LXRlc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAAR9IjhGxhWiHO52dGMHLSFwMcZzoQ6LdsIVk+50tcW5cECu6CKhKGbi\n"
    "4lVssr4T84EJgk1mRb0atsNyoihngi2Lo1MwUTAdBgNVHQ4EFgQUfC7dMx4qQRBK\n"
    "re6M7pqNGPfr3kIwHwYDVR0jBBgwFoAUfC7dMx4qQRBKre6M7pqNGPfr3kIwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAgHoL/Z3zxT0I6TlIpKUJ3\n"
    "jTIFleY+4fRXS0T/1hJ5ZwIhALLaj307sjQTcsHdB/WIC+lwlVnokReLOjBsdXy4\n"
    "yZ2g\n"
    "-----END CERTIFICATE-----\n";
static const char test_leaf_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBoDCCAUWgAwIBAgIUZxY9j1NHb3hHcUnBEhmdT3jwS2wwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UECgwJd2VmdC10ZXN0MCAXDTI2MTEyNTEwMTczMFoYDzIxMjYxMTAx\n"
    "MTAxNzMwWjAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8i7WUGBf12ZuKTs8\n"
    "+NRONm98rUo6qti5SjmSusXyMxy10qRKnTtlGEMkECmfuSeEnIorXXnxZIpYt8dU\n"
    "kewVAKOBhjCBgzBBBgNVHREBAf8ENzA1ggtzZXJ2ZXIudGVzdIcEfwAAAYYgc3Bp\n"
    "ZmZlOi8vY2x1c3Rlci5sb2NhbC9ucy9hL3NhL2IwHQYDVR0OBBYEFDVaVC+4QtbZ\n"
    "KJa9FzzKR1DawGH0MB8GA1UdIwQYMBaAFHwu3TMeKkEQSq3ujO6ajRj3695CMAoG\n"
    "CCqGSM49BAMCA0kAMEYCIQDIbU7UeUCaGFv3nBYpK4RF8bEmUDuMaGmmlHXj7NXI\n"
    "XwIhAK6IyKfq9J71D3JPBY4aPmYvM8vFeemTzbLzjUncSXAb\n"
    "-----END CERTIFICATE-----\n";
static const char test_leaf_key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbxSw3oxBOPDnVKrc\n"
    "HbUA9VkO6+c9QVelR5xEyFJTzfKhRANCAATyLtZQYF/XZm4pOzz41E42b3ytSjqq\n"
    "2LlKOZK6xfIzHLXSpEqdO2UYQyQQKZ+5J4SciitdefFkili3x1SR7BUA\n"
    "-----END PRIVATE KEY-----\n";
#endif
