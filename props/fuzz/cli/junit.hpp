// SPDX-License-Identifier: GPL-2.0 OR MIT
// JUnit's XML as another's reader understands it: Debian's python3-junitparser; without it, a skip and
// Python's own XML parser.
#pragma once

#include <catch2/catch.hpp>

#include "props/fuzz/cli/command.hpp"
#include "props/skip.hpp"

namespace mmodel::test {

// {"counts": as the file says, "counted": as the reader counts, "suites": [{"name", "counts", "cases":
// [{"name", "file", "result", "message", "text"}]}]}; counts: tests, failures, errors, skipped.
inline std::optional<Json> read_by_junitparser(const TempDir& dir, const std::string& file) {
    const std::string script = dir.put("read.py", R"(import json, sys
from junitparser import JUnitXml
def counts(of): return [of.tests, of.failures, of.errors, of.skipped]
def case(c):
    r = c.result[0] if c.result else None
    return {'name': c.name, 'file': c.classname, 'result': type(r).__name__ if r else 'Passed',
            'message': r.message if r else '', 'text': (r.text if r else '') or ''}
xml = JUnitXml.fromfile(sys.argv[1])
out = {'counts': counts(xml), 'suites': [{'name': s.name, 'counts': counts(s), 'cases': [case(c) for c in s]} for s in xml]}
for s in xml: s.update_statistics()
xml.update_statistics()
out['counted'] = counts(xml)
for s, o in zip(xml, out['suites']): o['counted'] = counts(s)
print(json.dumps(out))
)");
    const auto python = [](const Args& args) { return run_mmodel(args, {.program = "/usr/bin/python3"}); };
    const Said parsed = python({"-c", "import sys, xml.etree.ElementTree as e; e.parse(sys.argv[1])", file});
    INFO(parsed.err << slurp(file));
    CHECK(parsed.status == 0);
    if (python({"-c", "import junitparser"}).status != 0) {
        mmodel::skip("there is no python3-junitparser");
        return std::nullopt;
    }
    const Said s = python({script, file});
    INFO(s.err);
    REQUIRE(s.status == 0);
    const Json read = Json::parse(s.out);
    CHECK(read["counts"] == read["counted"]);
    for (const Json& suite : read["suites"]) CHECK(suite["counts"] == suite["counted"]);
    return read;
}

// The results of a suite's cases by name; [1] of each is the message.
inline std::pair<std::string, std::string> result_of(const Json& suite, const std::string& name) {
    for (const Json& c : suite["cases"])
        if (c["name"] == name) return {c["result"], c["message"]};
    return {};
}

} // namespace mmodel::test
