import Foundation
import TestSupport
import Testing

/// `linearize serve` as a process.
@Suite struct ServeCommandTests {
  @Test(
    arguments: [
      (
        ["--host", "0.0.0.0"], 64,
        "error: on 0.0.0.0 other machines could use the model; give a token with --token-file or in "
          + "LINEARIZE_TOKEN, or stay on 127.0.0.1\n"
      ),
      (
        ["--host", "example.org"], 64,
        "error: the host is \"example.org\", expected an address such as 127.0.0.1, 0.0.0.0 or ::1, or "
          + "localhost\n"
      ),
      (
        ["--token-file", "short"], 64,
        "error: short: the token has 6 characters, expected at least 16; openssl rand -hex 32 makes one\n"
      ),
    ] as [([String], Int32, String)])
  func `A server that should not be is refused before a model is opened`(
    arguments: [String], status: Int32, message: String
  ) throws {
    try withTemporaryFolder { folder in
      try "secret\n".write(toFile: "\(folder)/short", atomically: true, encoding: .utf8)
      let result = try Program.run(
        ["serve", "--model", "missing"] + arguments, in: folder,
        environment: ["LINEARIZE_TOKEN": nil])
      #expect(result.status == status)
      #expect(result.errors == message)
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `A signal ends a server, and a second one has to find another port`(number: Int32) throws {
    try withTemporaryFolder { folder in
      let arguments = ["serve", "--model", Program.teacher, "--port"]
      let first = try Program.start(arguments + ["0"], in: folder)
      var port: Substring?
      for _ in 0..<600 where port == nil && first.process.isRunning {
        usleep(50_000)
        port = try first.errors().firstMatch(of: /127\.0\.0\.1:([0-9]+)\n/)?.1
      }
      let taken = String(try #require(port))
      let second = try Program.run(arguments + [taken], in: folder)
      #expect(second.status == 74)
      #expect(
        second.errors
          == "error: cannot listen on 127.0.0.1:\(taken): address already in use; name another port "
          + "with --port\n")
      kill(first.process.processIdentifier, number)
      first.process.waitUntilExit()
      #expect(try first.finished().status == 0)
    }
  }
}
