/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, certificates, the CA, tokens: what a mesh and an API server do with them. */
#include "test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/ca.h"
#include "crypto/hash.h"
#include "crypto/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char spiffe[] = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews";

static struct ca *root_new(void)
{
    const char *organizations[] = {"cluster.local"};
    const struct cert_options options = {
        .organizations = organizations, .organization_count = 1, .validity_ms = 3600 * 1000};
    struct ca *ca = NULL;
    struct error err = {0};

    assert_int_equal(ca_new_root(&options, &ca, &err), 0);
    return ca;
}

static void digests_match_published_vectors(void **state)
{
    char hex[HASH_SHA256_HEX_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];
    uint8_t pieces[HASH_SHA256_SIZE];
    struct hash_sha256 *hash = hash_sha256_new();

    (void)state;
    assert_string_equal(hash_sha256_hex(SLICE("abc"), hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
    assert_memory_equal(digest, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e", 8); /* RFC 4231, case 2 */
    hash_sha256(SLICE("abc"), digest);
    hash_sha256_update(hash, SLICE("a"));
    hash_sha256_update(hash, SLICE("bc"));
    hash_sha256_end(hash, pieces);
    assert_memory_equal(digest, pieces, sizeof digest);
    assert_true(hash_equal(SLICE("x"), SLICE("x")));
    assert_false(hash_equal(SLICE("x"), SLICE("y")));
}

static void requests_become_certificates(void **state)
{
    const char *uris[] = {spiffe};
    const struct cert_options wish = {.uris = uris, .uri_count = 1, .validity_ms = 60 * 1000};
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(key_drop) struct key *key = key_new_ec();
    SCOPED(csr_drop) struct csr *csr = NULL;
    SCOPED(cert_drop) struct cert *cert = NULL;
    SCOPED(buf_deinit) struct buf request = {0};
    SCOPED(buf_deinit) struct buf chain = {0};
    struct cert_facts facts;
    struct error err = {0};
    struct cert_san *sans;
    struct arena arena;
    size_t count;

    (void)state;
    arena_init(&arena, 0);
    buf_init(&request, 0);
    buf_init(&chain, 0);
    assert_int_equal(csr_make(key, &wish, &request, &err), 0);
    assert_int_equal(csr_parse_pem(buf_slice(&request), &csr, &err), 0);
    csr_sans_get(csr, &arena, &sans, &count);
    assert_int_equal(count, 1);
    assert_slice(sans[0].value, spiffe);
    assert_int_equal(ca_sign(ca, csr_key(csr), &wish, &chain, &err), 0);
    assert_int_equal(cert_parse_pem(buf_slice(&chain), &cert, &err), 0);
    cert_facts_get(cert, &arena, &facts);
    assert_slice(facts.issuer, "O=cluster.local");
    assert_int_equal(facts.san_count, 1);
    assert_int_equal(facts.sans[0].kind, CERT_SAN_URI);
    assert_int_equal(facts.serial.len, 32);
    assert_false(facts.is_ca);
    assert_true(facts.not_before_ms < clock_realtime_ms());
    assert_in_range(facts.not_after_ms, clock_realtime_ms() + 50 * 1000,
                    clock_realtime_ms() + 61 * 1000);
    assert_true(cert_fits_key(cert, key));
    assert_slice(cert_san_first(cert, CERT_SAN_URI, &arena), spiffe);
    assert_int_equal(cert_san_first(cert, CERT_SAN_DNS, &arena).len, 0);
    assert_int_equal(
        cert_chain_verify(buf_slice(&chain), ca_cert_pem(ca), clock_realtime_ms(), &err), 0);
    assert_int_equal(cert_chain_verify(buf_slice(&chain), ca_cert_pem(ca),
                                       clock_realtime_ms() + 120 * 1000, &err),
                     ERR_DENIED);
    assert_non_null(strstr(err.reason, "expired"));
    arena_deinit(&arena);
}

static void strangers_are_not_trusted(void **state)
{
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(ca_drop) struct ca *other = root_new();
    SCOPED(buf_deinit) struct buf cert = {0};
    SCOPED(buf_deinit) struct buf key = {0};
    const struct cert_options options = {.common_name = "x"};
    struct error err = {0};

    (void)state;
    buf_init(&cert, 0);
    buf_init(&key, 0);
    assert_int_equal(ca_issue(other, &options, &cert, &key, &err), 0);
    assert_int_equal(
        cert_chain_verify(buf_slice(&cert), ca_cert_pem(ca), clock_realtime_ms(), &err),
        ERR_DENIED);
}

static void all_kinds_of_names(void **state)
{
    const char *dns[] = {"istiod.istio-system.svc", "*.example.com"};
    const char *ips[] = {"10.0.0.1", "fd00::1"};
    const char *organizations[] = {"system:masters", "b"};
    const struct cert_options options = {.common_name = "admin",
                                         .organizations = organizations,
                                         .organization_count = 2,
                                         .dns_names = dns,
                                         .dns_name_count = 2,
                                         .ip_addresses = ips,
                                         .ip_address_count = 2,
                                         .validity_ms = INT64_C(10) * 365 * 86400 * 1000};
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(cert_drop) struct cert *cert = NULL;
    SCOPED(buf_deinit) struct buf pem = {0};
    SCOPED(buf_deinit) struct buf key = {0};
    struct cert_facts facts;
    struct cert_facts ca_facts;
    struct error err = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    buf_init(&pem, 0);
    buf_init(&key, 0);
    assert_int_equal(ca_issue(ca, &options, &pem, &key, &err), 0);
    assert_int_equal(cert_parse_pem(buf_slice(&pem), &cert, &err), 0);
    cert_facts_get(cert, &arena, &facts);
    cert_facts_get(ca_cert(ca), &arena, &ca_facts);
    assert_slice(facts.common_name, "admin");
    assert_int_equal(facts.organization_count, 2);
    assert_slice(facts.organizations[0], "system:masters");
    assert_int_equal(facts.san_count, 4);
    assert_slice(facts.sans[0].value, "istiod.istio-system.svc");
    assert_slice(facts.sans[2].value, "10.0.0.1");
    assert_slice(facts.sans[3].value, "fd00::1");
    assert_true(ca_facts.is_ca);
    assert_true(facts.not_after_ms == ca_facts.not_after_ms); /* not past the issuer's end */
    arena_deinit(&arena);
}

static void bad_names_are_named(void **state)
{
    static const char *bad_dns[] = {"a b"};
    static const char *bad_ip[] = {"1.2.3"};
    static const char *bad_uri[] = {""};
    const struct {
        struct cert_options options;
        const char *path;
    } cases[] = {
        {{.dns_names = bad_dns, .dns_name_count = 1}, "dns_names"},
        {{.ip_addresses = bad_ip, .ip_address_count = 1}, "ip_addresses"},
        {{.uris = bad_uri, .uri_count = 1}, "uris"},
    };
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(buf_deinit) struct buf out = {0};

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        assert_int_equal(ca_issue(ca, &cases[i].options, &out, &out, &err), ERR_INVALID);
        assert_string_equal(err.path, cases[i].path);
    }
}

static void a_ca_survives_its_texts(void **state)
{
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(ca_drop) struct ca *other = root_new();
    SCOPED(ca_drop) struct ca *again = NULL;
    SCOPED(buf_deinit) struct buf cert = {0};
    SCOPED(buf_deinit) struct buf key = {0};
    const struct cert_options options = {.common_name = "x"};
    struct ca *none = NULL;
    struct error err = {0};

    (void)state;
    buf_init(&cert, 0);
    buf_init(&key, 0);
    assert_int_equal(ca_load(ca_cert_pem(ca), ca_key_pem(ca), &again, &err), 0);
    assert_int_equal(ca_issue(again, &options, &cert, &key, &err), 0);
    assert_int_equal(
        cert_chain_verify(buf_slice(&cert), ca_cert_pem(ca), clock_realtime_ms(), &err), 0);
    assert_int_equal(ca_load(ca_cert_pem(ca), ca_key_pem(other), &none, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "does not belong"));
    assert_int_equal(ca_load(buf_slice(&cert), buf_slice(&key), &none, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "no CA"));
    assert_int_equal(ca_load(SLICE("junk"), SLICE(""), &none, &err), ERR_INVALID);
    assert_null(none);
}

static void keys_are_kept_in_files(void **state)
{
    char folder[] = "/tmp/weft-keys-XXXXXX";
    const struct cert_options options = {.common_name = "kept", .validity_ms = 3600000};
    struct key *first, *again;
    struct ca *made, *loaded;
    char ids[2][KEY_ID_SIZE];
    struct error err = {0};
    char cert_path[64], key_path[64], pair_path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(cert_path, sizeof cert_path, "%s/ca.crt", folder);
    snprintf(key_path, sizeof key_path, "%s/ca.key", folder);
    snprintf(pair_path, sizeof pair_path, "%s/sa.key", folder);
    assert_int_equal(ca_open(cert_path, key_path, &options, &made, &err), 0);
    assert_int_equal(ca_open(cert_path, key_path, &options, &loaded, &err), 0);
    assert_true(slice_eq(ca_cert_pem(made), ca_cert_pem(loaded)));
    assert_int_equal(key_open_rsa(pair_path, 2048, &first, &err), 0);
    assert_int_equal(key_open_rsa(pair_path, 2048, &again, &err), 0);
    assert_true(key_equal(first, again));
    assert_string_equal(key_id_make(first, ids[0]), key_id_make(again, ids[1]));
    assert_int_equal(strlen(ids[0]), KEY_ID_SIZE - 1);
    assert_int_equal(unlink(key_path), 0);
    ca_free(loaded);
    assert_true(ca_open(cert_path, key_path, &options, &loaded, &err) < 0);
    assert_non_null(strstr(err.path, "ca.key"));
    ca_free(made);
    key_unref(first);
    key_unref(again);
    unlink(cert_path);
    unlink(pair_path);
    rmdir(folder);
}

static void hosts_are_told_apart(void **state)
{
    static const char *const hosts[] = {"localhost", "10.0.0.1", "::1", "a.svc"};
    struct cert_options options = {0};
    struct ca_hosts told = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_int_equal(ca_hosts_add(&told, hosts[i]), 0);
    ca_hosts_set(&told, &options);
    assert_int_equal(options.dns_name_count, 2);
    assert_string_equal(options.dns_names[1], "a.svc");
    assert_int_equal(options.ip_address_count, 2);
    assert_string_equal(options.ip_addresses[1], "::1");
    while (told.dns_name_count < CA_HOST_MAX)
        assert_int_equal(ca_hosts_add(&told, "x"), 0);
    assert_int_equal(ca_hosts_add(&told, "x"), ERR_LIMIT);
}

static void forged_requests_are_refused(void **state)
{
    const struct cert_options options = {.common_name = "x"};
    SCOPED(key_drop) struct key *key = key_new_ec();
    SCOPED(buf_deinit) struct buf request = {0};
    struct csr *csr = NULL;
    struct error err = {0};

    (void)state;
    buf_init(&request, 0);
    assert_int_equal(csr_make(key, &options, &request, &err), 0);
    request.data[150] = request.data[150] == 'A' ? 'B' : 'A';
    assert_int_equal(csr_parse_pem(buf_slice(&request), &csr, &err), ERR_INVALID);
    assert_int_equal(csr_parse_pem(SLICE(""), &csr, &err), ERR_INVALID);
    assert_null(csr);
}

static void tokens_of(struct key *key)
{
    SCOPED(json_drop)
    json_t *payload =
        json_pack("{s:s,s:[s],s:i}", "sub", "system:a", "aud", "istio-ca", "exp", 2000000000);
    SCOPED(json_drop) json_t *read = NULL;
    SCOPED(json_drop) json_t *header = NULL;
    SCOPED(buf_deinit) struct buf token = {0};
    SCOPED(buf_deinit) struct buf pem = {0};
    SCOPED(key_drop) struct key *public_key = NULL;
    struct error err = {0};

    buf_init(&token, 0);
    buf_init(&pem, 0);
    assert_int_equal(jws_sign(key, "k1", payload, &token), 0);
    assert_int_equal(key_format_public_pem(key, &pem), 0);
    assert_int_equal(key_parse_public_pem(buf_slice(&pem), &public_key, &err), 0);
    assert_true(key_equal(key, public_key));
    assert_int_equal(jws_sign(public_key, NULL, payload, &pem), ERR_INVALID);
    assert_int_equal(jws_verify(public_key, buf_slice(&token), &read, &err), 0);
    assert_true(json_equal(read, payload));
    assert_int_equal(jws_peek(buf_slice(&token), &header, NULL, &err), 0);
    assert_string_equal(json_get_string(header, "kid"), "k1");
    assert_int_equal(jws_claims_check(read, 1999999990000, 5, "istio-ca", &err), 0);
    assert_int_equal(jws_claims_check(read, 2000000010000, 5, NULL, &err), ERR_EXPIRED);
    assert_int_equal(jws_claims_check(read, 0, 5, "other", &err), ERR_DENIED);
    for (size_t i = 0; i < token.len; i += 7) { /* any changed letter spoils it */
        char letter = token.data[i];
        json_t *forged = NULL;

        token.data[i] = letter == 'A' ? 'B' : 'A';
        assert_true(jws_verify(public_key, buf_slice(&token), &forged, &err) < 0);
        assert_null(forged);
        token.data[i] = letter;
    }
}

static void tokens_are_signed_and_verified(void **state)
{
    SCOPED(key_drop) struct key *ec = key_new_ec();
    SCOPED(key_drop) struct key *rsa = key_new_rsa(2048);
    SCOPED(json_drop) json_t *jwk = jws_public_jwk(rsa, "k");
    SCOPED(json_drop) json_t *ec_jwk = jws_public_jwk(ec, "k");

    (void)state;
    tokens_of(ec);
    tokens_of(rsa);
    assert_string_equal(json_get_string(jwk, "e"), "AQAB");
    assert_int_equal(strlen(json_get_string(ec_jwk, "x")), 43);
    assert_false(key_equal(ec, rsa));
}

static void foreign_tokens_are_refused(void **state)
{
    /* RFC 7515, A.3 (another key), and "none" */
    static const char *const tokens[] = {
        /* the parentheses tell clang that these two belong together */
        ("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ."
         "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.",
        "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.AAAA",
        "a.b",
        "a.b.c.d",
        "",
        "...",
    };
    SCOPED(key_drop) struct key *key = key_new_ec();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        json_t *payload = NULL;
        struct error err = {0};

        assert_true(jws_verify(key, slice_str(tokens[i]), &payload, &err) < 0);
        assert_null(payload);
        assert_true(err.reason[0] != '\0');
    }
}

static void count_cert(struct cert *cert, void *ctx)
{
    ++*(int *)ctx;
    cert_unref(cert);
}

static void bundles_are_read_whole(void **state)
{
    SCOPED(ca_drop) struct ca *ca = root_new();
    SCOPED(buf_deinit) struct buf bundle = {0};
    struct error err = {0};
    int count = 0;

    (void)state;
    buf_init(&bundle, 0);
    buf_append(&bundle, ca_cert_pem(ca));
    buf_append(&bundle, ca_cert_pem(ca));
    assert_int_equal(cert_each_pem(buf_slice(&bundle), count_cert, &count, &err), 0);
    assert_int_equal(count, 2);
    buf_append_str(&bundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_int_equal(cert_each_pem(buf_slice(&bundle), count_cert, &count, &err), ERR_INVALID);
    assert_int_equal(cert_each_pem(SLICE("no certificate"), count_cert, &count, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_match_published_vectors),
        cmocka_unit_test(requests_become_certificates),
        cmocka_unit_test(strangers_are_not_trusted),
        cmocka_unit_test(all_kinds_of_names),
        cmocka_unit_test(bad_names_are_named),
        cmocka_unit_test(a_ca_survives_its_texts),
        cmocka_unit_test(keys_are_kept_in_files),
        cmocka_unit_test(hosts_are_told_apart),
        cmocka_unit_test(forged_requests_are_refused),
        cmocka_unit_test(tokens_are_signed_and_verified),
        cmocka_unit_test(foreign_tokens_are_refused),
        cmocka_unit_test(bundles_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
