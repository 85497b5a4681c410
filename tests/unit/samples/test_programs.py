#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_programs.py PROGRAM...: the samples' programs as processes, over TCP, with real databases behind them.

PROGRAM is each of bookinfo, bookinfo-ratings-db, mongodb-fill, ratingsapp, demo and tcp-echo, with its path.

Limits  what needs a database is skipped where its server is missing (tools/install-deps store)
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TOP = os.environ["TEST_SOURCE_ROOT"]
sys.path.insert(0, os.path.join(TOP, "tests/support"))
from cluster import wait_until  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAMS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[1:]}
MARIADB_FILES = "/usr/share/mysql/mysql_system_tables.sql"
FERRETDB = os.path.join(os.environ.get("WEFT_TOOLS_DIR", os.path.join(TOP, ".cache/tools")), "bin/ferretdb")
START_S = 30


def answers(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


class Process:
    """A program that listens on `port`; it must end by itself, with code 0, when it is told to."""

    def __init__(self, command, port, folder, environment):
        self.command, self.log = command, os.path.join(folder, "log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment})
        try:
            wait_until(lambda: self.process.poll() is not None or answers(port), START_S, f"{command[0]} does not listen")
            self.check(None)
        except AssertionError:
            self.process.kill()
            raise

    def check(self, code):
        """The process has ended with `code`, or runs still (None)."""
        if self.process.poll() != code:
            with open(self.log, encoding="utf-8") as log:
                raise AssertionError(f"{self.command}: exit {self.process.poll()}, expected {code}\n{log.read()}")

    def end(self):
        try:
            self.process.wait(START_S)
        finally:
            self.process.kill()
        self.check(0)


class Programs(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder, self.processes = holder.name, []
        self.addCleanup(self.end)

    def end(self):
        """Tells all of them before it waits for the first: each serves on for two seconds."""
        for one in self.processes:
            one.process.send_signal(signal.SIGTERM)
        for one in self.processes:
            one.end()

    def start(self, command, port, folder, environment=None):
        self.processes.append(Process(command, port, folder, environment or {}))

    def service(self, program, name, **environment):
        """Starts one service; returns a function that asks it: (status, text)."""
        port = free_port()
        folder = tempfile.mkdtemp(dir=self.folder)
        self.start([PROGRAMS[program], name, str(port)], port, folder, environment)

        def ask(path, method="GET", body=None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        return ask

    def mariadb(self):
        if not os.path.exists(MARIADB_FILES):
            self.skipTest("no MariaDB: tools/install-deps store")
        port, data = free_port(), os.path.join(self.folder, "data")
        self.start([os.path.join(TOP, "samples/bookinfo/images/mysqldb-start")], port, self.folder, {
            "MYSQL_ROOT_PASSWORD": "password", "START_DATA": data, "START_RUN": self.folder, "START_PORT": str(port)})
        return {"DB_TYPE": "mysql", "MYSQL_DB_HOST": "127.0.0.1", "MYSQL_DB_PORT": str(port), "MYSQL_DB_USER": "root",
                "MYSQL_DB_PASSWORD": "password"}

    def ferretdb(self):
        """The port of an empty server that speaks MongoDB's protocol."""
        if not shutil.which(FERRETDB):
            self.skipTest("no FerretDB: tools/install-deps store")
        port, data = free_port(), tempfile.mkdtemp(dir=self.folder)
        self.start([FERRETDB], port, data, {
            "DO_NOT_TRACK": "true", "FERRETDB_TELEMETRY": "disable", "FERRETDB_HANDLER": "sqlite",
            "FERRETDB_SQLITE_URL": f"file:{data}/", "FERRETDB_STATE_DIR": data, "FERRETDB_LISTEN_ADDR": f"127.0.0.1:{port}",
            "FERRETDB_DEBUG_ADDR": "-"})
        return port

    def stars(self, first, second):
        return 200, f'{{"id":7,"ratings":{{"Reviewer1":{first},"Reviewer2":{second}}}}}'

    def test_a_faulty_version_errs_now_and_then(self):
        ask = self.service("bookinfo", "ratings", SERVICE_VERSION="v-faulty")
        seen = {ask("/ratings/7") for _ in range(60)}
        self.assertEqual(seen, {self.stars(5, 4), (503, '{"error":"Service unavailable"}')})

    def test_stars_out_of_mariadb(self):
        conf = self.mariadb()
        self.assertEqual(self.service("bookinfo-ratings-db", "ratings-db", **conf)("/ratings/7"), self.stars(5, 4))
        wrong = self.service("bookinfo-ratings-db", "ratings-db", **{**conf, "MYSQL_DB_PASSWORD": "no"})
        self.assertEqual(wrong("/ratings/7"), (500, '{"error":"could not connect to ratings database"}'))

    def test_stars_out_of_ferretdb(self):
        url = f"mongodb://127.0.0.1:{self.ferretdb()}"
        ask = self.service("bookinfo-ratings-db", "ratings-db", MONGO_DB_URL=url + "/test")
        self.assertEqual(ask("/ratings/7"), self.stars(0, 0))
        subprocess.run([PROGRAMS["mongodb-fill"], url], check=True, timeout=START_S)
        self.assertEqual(ask("/ratings/7"), self.stars(5, 4))
        elsewhere = self.service("bookinfo-ratings-db", "ratings-db", MONGO_DB_URL=url + "/other")
        self.assertEqual(elsewhere("/ratings/7"), self.stars(0, 0))

    def test_no_database_is_told(self):
        away = (500, '{"error":"could not connect to ratings database"}')
        for conf in ({"MONGO_DB_URL": f"mongodb://127.0.0.1:{free_port()}/test"}, {"MONGO_DB_URL": "no url"},
                     {"DB_TYPE": "mysql", "MYSQL_DB_HOST": "127.0.0.1", "MYSQL_DB_PORT": str(free_port())}):
            self.assertEqual(self.service("bookinfo-ratings-db", "ratings-db", **conf)("/ratings/7"), away, conf)

    def test_the_smoothies_store(self):
        ask = self.service("ratingsapp", "ratings-api", MONGODB_URI=f"mongodb://127.0.0.1:{self.ferretdb()}/ratingsdb")
        items = json.loads(ask("/api/items")[1])["payload"]
        self.assertEqual([item["name"] for item in items], ["Banana", "Coconut", "Oranges", "Pineapple"])
        rating = {"userIp": "1.2.3.4", "ratings": [{"id": items[1]["_id"], "rating": 4}]}
        self.assertEqual(ask("/api/rate", "POST", json.dumps(rating))[0], 200)
        [first, *_] = json.loads(ask("/api/items/rated")[1])["payload"]
        self.assertEqual((first["name"], first["stars"], first["votes"]), ("Coconut", 4, 1))

    def test_demo_says_its_version(self):
        ask = self.service("demo", "helloworld", SERVICE_VERSION="v3", HOSTNAME="pod")
        self.assertEqual(ask("/hello"), (200, "Hello version: v3, instance: pod\n"))

    def test_tcp_echo_on_every_port(self):
        ports = [free_port(), free_port()]
        self.start([PROGRAMS["tcp-echo"], ",".join(map(str, ports)), "two"], ports[1], self.folder)
        for port in ports:
            with socket.create_connection(("127.0.0.1", port), timeout=START_S) as connection:
                connection.sendall(b"hello\nagain\n")
                lines = connection.makefile()
                self.assertEqual([lines.readline(), lines.readline()], ["two hello\n", "two again\n"])


unittest.main(argv=sys.argv[:1])
