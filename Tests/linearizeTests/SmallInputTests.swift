import Documents
import Foundation
import TestSupport
import Testing

/// Small files that ask for much: the built program answers within a moment, in little memory.
@Suite struct SmallInputTests {
  /// Seconds of processor time, and an address space little above what the program starts with.
  private static let limits = "ulimit -t 8; ulimit -v 1500000"

  /// The small teacher with one of its files changed.
  private func teacher(_ folder: String, _ name: String, _ change: (inout JSONObject) -> Void)
    throws
  {
    let model = folder + "/model"
    try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
    for other in try FileManager.default.contentsOfDirectory(atPath: Program.teacher)
    where other != name {
      try FileManager.default.createSymbolicLink(
        atPath: "\(model)/\(other)", withDestinationPath: "\(Program.teacher)/\(other)")
    }
    var object = try #require(DocumentFile("\(Program.teacher)/\(name)").read().objectValue)
    change(&object)
    try DocumentFile("\(model)/\(name)").replace(with: JSONValue.object(object).pretty)
  }

  /// - Returns: the one line that the program says.
  @discardableResult
  private func refusal(
    _ arguments: [String], in folder: String, status: Int32, lines: Int = 1
  ) throws -> String {
    let result = try Program.run(arguments, in: folder, shell: Self.limits)
    #expect(result.status == status, "\(result.errors.prefix(2000))")
    #expect(result.errors.split(separator: "\n").count == lines, "\(result.errors.prefix(2000))")
    return result.errors
  }

  @Test(arguments: [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{{ (['a' * 16000000] * 200)|join|length }}",
    "{% set s = 'a' * 16000000 %}{% for i in range(100000) %}{% set x = s|title %}{% endfor %}",
    "{{ (['a'] * 90000)|map('replace', 'a', 'a' * 16000000)|list|length }}",
    "{{ (',' * 16000000).split(',')|length }}",
    "{% for i in range(30) %}{{ 'a' * 60000 }}{% endfor %}{{ 'b' * 16000000 }}",
  ]) func `A chat template that costs without bound is 65`(template: String) throws {
    try withTemporaryFolder { folder in
      try teacher(folder, "tokenizer_config.json") { $0["chat_template"] = .string(template) }
      let errors = try refusal(
        ["generate", "--model", "model", "--prompt", "hi", "--chat", "--max-tokens", "1"],
        in: folder, status: 65)
      #expect(errors.contains("the template "), "\(errors)")
    }
  }

  @Test func `A tokenizer that makes texts endless is 65`() throws {
    try withTemporaryFolder { folder in
      let step: JSONValue = ["type": "Replace", "pattern": ["String": "a"], "content": "aa"]
      try teacher(folder, "tokenizer.json") {
        $0["normalizer"] = [
          "type": "Sequence", "normalizers": .array(Array(repeating: step, count: 60)),
        ]
      }
      let errors = try refusal(
        ["generate", "--model", "model", "--prompt", "a", "--max-tokens", "1"], in: folder,
        status: 65)
      #expect(
        errors.contains("$.normalizer: makes texts more than 10^15 times as long"), "\(errors)")
    }
  }

  @Test func `A million unknown keys are counted, and some told`() throws {
    try withTemporaryFolder { folder in
      let keys = (0..<1_000_000).map { "\"key\($0)\":1" }.joined(separator: ",")
      try DocumentFile(folder + "/recipe.json").replace(with: "{\(keys)}")
      let errors = try refusal(
        ["validate", "--recipe", "recipe.json"], in: folder, status: 78, lines: 42)
      #expect(errors.contains("mistakes\n"))
      #expect(errors.hasSuffix("more\n"))
      #expect(errors.contains("key30"))
    }
  }

  @Test(.timeLimit(.minutes(2))) func `What is no file is not read as one`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      try #require(mkfifo(folder + "/pipe.jsonl", 0o644) == 0)
      for (path, kind) in [("pipe.jsonl", "a pipe"), ("/dev/zero", "a device")] {
        let words = "\(path): cannot read it: it is \(kind), expected a file"
        for (arguments, status) in [
          (["tokenize", "--model", Program.teacher, "--text", path, "--output", "ids"], 74),
          (["evaluate", "--model", Program.teacher, "--text", path], 74),
          (["inspect", path], 74),
          (["generate", "--model", Program.teacher, "--prompt-file", path], 74),
          (["run", "--recipe", "recipe.json", "--set", "data.train[0].path=\"\(path)\""], 74),
        ] as [([String], Int32)] {
          let errors = try refusal(arguments, in: folder, status: status)
          #expect(errors.contains(words), "\(arguments): \(errors)")
        }
        let recipe = try refusal(["run", "--recipe", path], in: folder, status: 66)
        #expect(recipe.contains("it is \(kind), expected a file"), "\(recipe)")
      }
      try FileManager.default.moveItem(atPath: folder + "/pipe.jsonl", toPath: folder + "/pipe.h5")
      let errors = try refusal(["inspect", "pipe.h5"], in: folder, status: 74)
      #expect(errors.contains("it is a pipe"))
    }
  }

  @Test func `A pipe that the program was started with is read`() throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(
        [
          "tokenize", "--model", Program.teacher, "--text", "/dev/stdin", "--output", "ids.json",
        ], in: folder, shell: "echo It was | exec \"$0\" \"$@\"; exit $?")
      #expect(result.status == 0, "\(result.errors)")
    }
  }
}
