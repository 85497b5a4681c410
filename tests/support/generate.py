# SPDX-License-Identifier: Apache-2.0
"""Random bootstraps in Envoy's format, and requests that are likely to hit their routes; same seed, same output.

Place   tests/differential
Limits  only what must come out the same every time: no random balancing, no fractions, no times in answers
"""
import json

HOSTS = ["a.test", "b.a.test", "c.b.a.test", "shop.test", "shop.other", "Mixed.Test", "10.1.2.3"]
DOMAINS = ["a.test", "*.a.test", "*.b.a.test", "*-x.test", "shop.*", "shop.test", "MIXED.test", "a.test:8080", "10.1.2.3"]
PATHS = ["/", "/a", "/a/", "/a/b", "/A/b", "/ab", "/a/b/c.html", "/api/v1/items", "/api/v2", "/static/x%20y.css", "/a//b",
         "/a/../b", "/a/./b", "/%61/b", "/a%2Fb", "/a;p=1/b"]
QUERIES = ["", "", "", "?x=1", "?x=2&y=", "?", "?y=a%20b&x=1", "?x"]
NAMES = ["x-user", "x-tier", "x-number", "x-flag"]
VALUES = ["jason", "alice", "gold", "silver-1", "12", "-3", "200", ""]


def route_match(rng):
    """A RouteMatch, and a path that fits it."""
    kind = rng.choice(["prefix", "prefix", "path", "path", "path_separated_prefix", "safe_regex", "all"])
    path = rng.choice(PATHS[:9])
    match = {}
    if kind == "all":
        match["prefix"] = "/"
    elif kind == "path_separated_prefix":
        match[kind] = path.rstrip("/") or "/a"
    elif kind == "safe_regex":
        match[kind] = {"regex": rng.choice(["/a.*", "/api/v[0-9]+(/.*)?", "/(a|A)/b", ".*\\.html", "/a/b"])}
    else:
        match[kind] = path
    if kind in ("prefix", "path") and rng.random() < 0.15:
        match["case_sensitive"] = False
    if rng.random() < 0.35:
        match["headers"] = [header_match(rng) for _ in range(rng.choice([1, 1, 2]))]
    if rng.random() < 0.15:
        match["query_parameters"] = [query_match(rng)]
    return match


def text_match(rng, value):
    kind = rng.choice(["exact", "prefix", "suffix", "contains", "safe_regex"])
    if kind == "safe_regex":
        return {"safe_regex": {"regex": rng.choice(["[a-z]+", "gold|silver.*", "-?[0-9]+", ".*"])}}
    text = {kind: value[:3] if kind == "prefix" else value[-3:] if kind in ("suffix", "contains") else value}
    if rng.random() < 0.2:
        text["ignore_case"] = True
    return text


def header_match(rng):
    match = {"name": rng.choice(NAMES + [":method", "X-User"])}
    kind = rng.choice(["string_match", "string_match", "string_match", "present_match", "range_match"])
    if match["name"] == ":method":
        match["string_match"] = {"exact": rng.choice(["GET", "POST"])}
    elif kind == "string_match":
        match[kind] = text_match(rng, rng.choice(VALUES[:7]))
    elif kind == "present_match":
        match[kind] = rng.random() < 0.7
    else:
        start = rng.choice([-5, 0, 10])
        match[kind] = {"start": start, "end": start + rng.choice([4, 100, 200])}
    if rng.random() < 0.2:
        match["invert_match"] = True
    if rng.random() < 0.1:
        match["treat_missing_header_as_empty"] = True
    return match


def query_match(rng):
    match = {"name": rng.choice(["x", "y"])}
    if rng.random() < 0.4:
        match["present_match"] = rng.random() < 0.8
    else:
        match["string_match"] = text_match(rng, rng.choice(["1", "2", "a%20b"]))
    return match


ACTIONS = ["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"]


def header_operations(rng, where, chance):
    """Additions and removals for one level, or nothing."""
    out = {}
    for side in ("request", "response"):
        if rng.random() < chance:
            out[f"{side}_headers_to_add"] = [
                {"header": {"key": rng.choice(["x-added", "x-user", "x-up", f"x-{where}"]),
                            "value": rng.choice([where, "v1", "%PROTOCOL%", "%REQ(x-user)%", "a%%b"])},
                 "append_action": rng.choice(ACTIONS)} for _ in range(rng.choice([1, 1, 2]))]
        if rng.random() < chance / 2:
            out[f"{side}_headers_to_remove"] = [rng.choice(["x-tier", "x-up", "x-added", "set-cookie", "user-agent"])]
    return out


def forward(rng, match):
    action = {"timeout": rng.choice(["15s", "1s", "0s", "5s"]), **mirrors(rng, 0.2)}
    if rng.random() < 0.25:
        action["weighted_clusters"] = {"clusters": [
            {"name": "b", "weight": 0},
            {"name": "c", "weight": 100, **header_operations(rng, "weighted", 0.4), **filter_overrides(rng, 0.2)}]}
    elif rng.random() < 0.08:
        action["cluster"] = "missing"
        if rng.random() < 0.5:
            action["cluster_not_found_response_code"] = rng.choice(["NOT_FOUND", "INTERNAL_SERVER_ERROR"])
    else:
        action["cluster"] = rng.choice(["a", "b", "c", "a", "b", "c", "dead", "nobody"])
    if rng.random() < 0.2 and "safe_regex" not in match:
        action["prefix_rewrite"] = rng.choice(["/", "/new", "/new/"])
    elif rng.random() < 0.15:
        action["regex_rewrite"] = {"pattern": {"regex": rng.choice(["^/a(/?)(.*)", "b", "/+"])},
                                   "substitution": rng.choice(["/\\2", "X", "/"])}
        if action["regex_rewrite"]["pattern"]["regex"] != "^/a(/?)(.*)":
            action["regex_rewrite"]["substitution"] = rng.choice(["X", "/"])
    if rng.random() < 0.15:
        action["host_rewrite_literal"] = "rewritten.test"
    elif rng.random() < 0.08:
        action["host_rewrite_header"] = "x-user"
    if rng.random() < 0.1:
        action["append_x_forwarded_host"] = True
    if rng.random() < 0.3:
        action["retry_policy"] = {
            "retry_on": rng.choice(["5xx", "gateway-error", "connect-failure,refused-stream", "retriable-4xx", "reset",
                                    "retriable-status-codes"]),
            "num_retries": rng.choice([1, 2, 3]), "retriable_status_codes": [503, 418],
            **rng.choice([{}, {}, {"per_try_timeout": "0.9s"}]),
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}}
    return action


def redirect(rng):
    action = {"response_code": rng.choice(["MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT",
                                           "PERMANENT_REDIRECT"])}
    if rng.random() < 0.5:
        action["host_redirect"] = "elsewhere.test"
    if rng.random() < 0.3:
        action["https_redirect"] = True
    if rng.random() < 0.2:
        action["port_redirect"] = rng.choice([443, 8443])
    kind = rng.random()
    if kind < 0.3:
        action["path_redirect"] = rng.choice(["/moved", "/moved?z=1"])
    elif kind < 0.5:
        action["prefix_rewrite"] = "/moved"
    if rng.random() < 0.3:
        action["strip_query"] = True
    return action


TYPE = "type.googleapis.com/envoy.extensions.filters."
HUNDRED = {"numerator": 100, "denominator": "HUNDRED"}
ALWAYS = [HUNDRED, {"numerator": 10000, "denominator": "TEN_THOUSAND"}, {"numerator": 1000000, "denominator": "MILLION"}]
NEVER = [{"numerator": 0, "denominator": "HUNDRED"}, {}]


def share(rng):
    """A percentage that comes out the same every time."""
    return rng.choice(ALWAYS * 2 + NEVER)


def fault(rng):
    out = {"@type": TYPE + "http.fault.v3.HTTPFault"}
    if rng.random() < 0.7:
        out["abort"] = {"percentage": share(rng), **rng.choice([
            {"http_status": 503}, {"http_status": 418}, {"http_status": 200}, {"grpc_status": 14}, {"header_abort": {}}])}
    if rng.random() < 0.4:
        out["delay"] = {"percentage": share(rng), **rng.choice([{"fixed_delay": "0.002s"}, {"header_delay": {}}])}
    if rng.random() < 0.2:
        out["headers"] = [header_match(rng)]
    if rng.random() < 0.1:
        out["upstream_cluster"] = rng.choice(["a", "c"])
    if rng.random() < 0.1:
        out["max_active_faults"] = rng.choice([0, 5])
    return out


ORIGINS = ["http://a.test", "https://shop.test", "http://b.a.test:8080", "null"]


def cors(rng):
    out = {"@type": TYPE + "http.cors.v3.CorsPolicy"}
    if rng.random() < 0.9:
        out["allow_origin_string_match"] = [rng.choice([
            {"exact": rng.choice(ORIGINS)}, {"exact": "*"}, {"prefix": "http://"}, {"suffix": ".test"},
            {"safe_regex": {"regex": "https?://.*test"}}]) for _ in range(rng.choice([1, 1, 2]))]
    for field, values in (("allow_methods", ["GET,POST", "*"]), ("allow_headers", ["x-user", "content-type,x-tier", "*"]),
                          ("expose_headers", ["x-up"]), ("max_age", ["86400"]), ("allow_credentials", [True, False]),
                          ("allow_private_network_access", [True]), ("forward_not_matching_preflights", [True, False]),
                          ("filter_enabled", [{"default_value": share(rng)}])):
        if rng.random() < 0.4:
            out[field] = rng.choice(values)
    return out


def filter_overrides(rng, chance):
    """What one level says of the listener's filters, or nothing."""
    out = {}
    for name, make in (("fault", fault), ("cors", cors)):
        if rng.random() < chance:
            out[name] = make(rng)
            if rng.random() < 0.1:
                out[name] = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                             **rng.choice([{"disabled": True}, {"config": out[name]}])}
    return {"typed_per_filter_config": out} if out else {}


def mirrors(rng, chance):
    if rng.random() >= chance:
        return {}
    policies = [{"cluster": rng.choice(["mirror", "mirror", "dead", "missing"])} for _ in range(rng.choice([1, 1, 2]))]
    for policy in policies:
        if rng.random() < 0.5:
            policy["runtime_fraction"] = {"default_value": share(rng)}
        if rng.random() < 0.2:
            policy["disable_shadow_host_suffix_append"] = True
    return {"request_mirror_policies": policies}


def route(rng, number):
    match = route_match(rng)
    out = {"name": f"r{number}", "match": match, **header_operations(rng, "route", 0.15), **filter_overrides(rng, 0.15)}
    kind = rng.random()
    if kind < 0.8:
        out["route"] = forward(rng, match)
    elif kind < 0.9:
        out["redirect"] = redirect(rng)
    else:
        out["direct_response"] = {"status": rng.choice([200, 204, 403, 418, 503])}
        if out["direct_response"]["status"] != 204 and rng.random() < 0.7:
            out["direct_response"]["body"] = {"inline_string": rng.choice(["hello\n", "x"])}
    return out


def route_configuration(rng):
    domains = rng.sample(DOMAINS, rng.randint(2, 5))
    hosts, number = [], 0
    while domains:
        share = [domains.pop() for _ in range(min(len(domains), rng.choice([1, 1, 2])))]
        count = rng.randint(1, 6)
        hosts.append({"name": f"h{len(hosts)}", "domains": share, **header_operations(rng, "host", 0.1),
                      **filter_overrides(rng, 0.1), **mirrors(rng, 0.05), "routes": [route(rng, number + i) for i in range(count)]})
        number += count
        if rng.random() < 0.15:
            hosts[-1]["include_request_attempt_count"] = True
    if rng.random() < 0.7:
        hosts.append({"name": "rest", "domains": ["*"], "routes": [route(rng, number + i) for i in range(5)]})
    out = {"name": "generated", "virtual_hosts": hosts, "validate_clusters": False,
           **header_operations(rng, "table", 0.1), **filter_overrides(rng, 0.05), **mirrors(rng, 0.05)}
    if rng.random() < 0.3:
        out["ignore_port_in_host_matching"] = True
    if rng.random() < 0.2:
        out["most_specific_header_mutations_wins"] = True
    return out


def filters(rng):
    """The listener's filters: none, or those that overrides name."""
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": TYPE + "http.router.v3.Router"}}
    if rng.random() < 0.2:
        return [router]
    general = fault(rng) if rng.random() < 0.1 else {"@type": TYPE + "http.fault.v3.HTTPFault"}
    return [{"name": "fault", "typed_config": general},
            {"name": "cors", "typed_config": {"@type": TYPE + "http.cors.v3.Cors"}}, router]


def connection_manager(rng):
    out = {"@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "generated",
           "codec_type": "AUTO", "route_config": route_configuration(rng),
           "http_filters": filters(rng)}
    for field, chance in (("use_remote_address", 0.4), ("normalize_path", 0.4), ("merge_slashes", 0.3),
                          ("strip_matching_host_port", 0.0), ("strip_any_host_port", 0.15),
                          ("preserve_external_request_id", 0.2)):
        if rng.random() < chance:
            out[field] = True
    if rng.random() < 0.2:
        out["path_with_escaped_slashes_action"] = rng.choice(["KEEP_UNCHANGED", "REJECT_REQUEST",
                                                              "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"])
    if rng.random() < 0.3:
        out["server_name"] = "generated-server"
    if rng.random() < 0.2:
        out["server_header_transformation"] = rng.choice(["OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH"])
    if rng.random() < 0.2:
        out["xff_num_trusted_hops"] = 1
    return out


def cluster(name, port):
    endpoints = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}] if port else []
    return {"name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}] if endpoints else []}}


def bootstrap(rng):
    """The configuration without ports: see `with_ports`."""
    return connection_manager(rng)


def with_ports(manager, listen, admin, upstreams, dead):
    """The bootstrap as JSON text, which is YAML too."""
    def address(port):
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    clusters = [cluster(name, port) for name, port in zip(("a", "b", "c", "mirror"), upstreams)]
    return json.dumps({
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": "generated", "address": address(listen), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": clusters + [cluster("dead", dead), cluster("nobody", 0)]}}, indent=1)


DOES = ["", "", "", "", "status=404", "status=503", "status=500", "status=409", "status=418", "status=204", "status=304",
        "chunked", "close", "close,chunked", "empty", "reset", "fail=1", "fail=2", "headers", "headers,chunked",
        "length=100000", "length=100000,chunked"]


def request(rng, number):
    """One request as bytes, and whether it is a HEAD."""
    method = rng.choice(["GET"] * 6 + ["POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
    host = rng.choice(HOSTS + ["x-x.test"])
    if rng.random() < 0.15:
        host += rng.choice([":80", ":8080"])
    path = rng.choice(PATHS) + rng.choice(QUERIES)
    version = "1.0" if rng.random() < 0.03 else "1.1"
    target = f"http://{host}{path}" if rng.random() < 0.05 else path
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", f"x-case: {number}"]
    for name in NAMES:
        if rng.random() < 0.35:
            lines.append(f"{rng.choice([name, name.title()])}: {rng.choice(VALUES)}")
            if rng.random() < 0.1:
                lines.append(f"{name}: {rng.choice(VALUES)}")
    does = "delay=1500" if rng.random() < 0.01 else rng.choice(DOES)
    if does:
        lines.append(f"x-do: {does}")
    extra = [("User-Agent: generated/1", 0.5), ("X-Forwarded-For: 10.9.8.7", 0.1), ("X-Forwarded-Proto: https", 0.08),
             ("X-Request-Id: 3f5a0c1e-0000-4000-8000-000000000001", 0.15), ("Connection: close", 0.1),
             ("Connection: x-flag", 0.04), ("TE: trailers", 0.05), ("Accept-Encoding: gzip", 0.1), ("x-cluster: b", 0.1),
             ("Keep-Alive: 5", 0.03), ("X-Envoy-Max-Retries: 4", 0.04), ("X-Envoy-Internal: true", 0.04),
             ("X-Envoy-Expected-Rq-Timeout-Ms: 7", 0.03), ("Via: 1.1 other", 0.04),
             ("X-Envoy-Upstream-Rq-Timeout-Ms: 3000", 0.04), ("X-Envoy-Retry-On: 5xx,retriable-4xx", 0.04),
             ("X-Envoy-Upstream-Rq-Per-Try-Timeout-Ms: 900", 0.04), ("X-Envoy-Decorator-Operation: d", 0.03),
             ("X-Envoy-Downstream-Service-Node: n", 0.03), ("X-Envoy-Original-Path: /o", 0.03), ("Upgrade: foo", 0.02)]
    lines += [line for line, chance in extra if rng.random() < chance]
    if rng.random() < 0.3:
        lines.append(f"Origin: {rng.choice(ORIGINS)}")
    if rng.random() < (0.7 if method == "OPTIONS" else 0.05):
        lines += ["Access-Control-Request-Method: PUT", "Access-Control-Request-Private-Network: true"]
        lines += rng.choice([[], ["Access-Control-Request-Headers: x-a, x-b"]])
    for header, values in (("X-Envoy-Fault-Abort-Request", ["404", "100", "x"]), ("X-Envoy-Fault-Delay-Request", ["3", "x"]),
                           ("X-Envoy-Fault-Abort-Request-Percentage", ["0", "100"]), ("Content-Type", ["application/grpc"])):
        if rng.random() < 0.06:
            lines.append(f"{header}: {rng.choice(values)}")
    body = b""
    if method in ("POST", "PUT", "PATCH") or rng.random() < 0.03:
        content = b"body " * rng.choice([0, 1, 10, 4000])
        if rng.random() < 0.4 and version == "1.1":
            lines.append("Transfer-Encoding: chunked")
            half = len(content) // 2
            body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (content[:half], content[half:]) if p) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(content)}")
            body = content
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body, method == "HEAD"
