import Documents
import Foundation
import TestSupport
import Testing

/// Each command of the built program, on a small model, from files to files.
@Suite struct ProgramTests {
  /// Runs it and expects that it succeeds.
  private func succeed(_ arguments: [String], in folder: String) throws -> Program {
    let result = try Program.run(arguments, in: folder)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    return result
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  @Test func `A recipe becomes a student that every command for models takes`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      let valid = try succeed(["validate", "--recipe", "recipe.json"], in: folder)
      #expect(valid.output == "recipe.json: no mistakes; attention-transfer, evaluate\n")
      let plan = try succeed(["--recipe", "recipe.json", "--dry-run"], in: folder)
      #expect(plan.output.contains("4 of 4 layers converted"))
      #expect(!exists(folder + "/run"))
      let run = try succeed(["--recipe", "recipe.json"], in: folder)
      #expect(run.output.hasSuffix("run/report.html\n"))
      for name in ["report.html", "report.md", "results.json", "junit.xml"] {
        #expect(exists("\(folder)/run/\(name)"))
      }
      let continued = try succeed(
        ["generate", "--model", "run", "--prompt", "It", "-n", "3"], in: folder)
      #expect(!continued.output.isEmpty)
      _ = try succeed(["export", "--model", "run", "--output", "folder"], in: folder)
      let exported = try succeed(
        ["generate", "--model", "folder", "--prompt", "It", "-n", "3"], in: folder)
      #expect(exported.output == continued.output)
      _ = try succeed(
        ["generate", "--model", "run", "--prompt", "It", "-n", "1", "--save-memory", "it.h5"],
        in: folder)
      let remembered = try succeed(
        ["generate", "--model", "run", "--memory", "it.h5", "-n", "2"], in: folder)
      #expect(continued.output.hasSuffix(remembered.output))
      let foreign = try Program.run(
        ["generate", "--model", Program.teacher, "--memory", "it.h5"], in: folder)
      #expect(foreign.status == 65)
      #expect(
        foreign.errors.hasPrefix(
          "error: it.h5: holds the memory of another model: run/artefacts/01-attention-transfer.h5 "
            + "(llama of 4 layers with terrace-window, SHA-256 "))
      let inspected = try succeed(["inspect", "folder"], in: folder)
      #expect(inspected.output.contains("terrace-window"))
      let compared = try succeed(["compare", "run", "run"], in: folder)
      #expect(compared.output.contains("2 runs, of which none is ahead"))
    }
  }

  @Test func `A model is sampled as its own file says, the same by seed, unless told otherwise`()
    throws
  {
    try withTemporaryFolder { folder in
      for name in try FileManager.default.contentsOfDirectory(atPath: Program.teacher) {
        try FileManager.default.createSymbolicLink(
          atPath: "\(folder)/\(name)", withDestinationPath: "\(Program.teacher)/\(name)")
      }
      let file = folder + "/generation_config.json"
      if FileManager.default.fileExists(atPath: file) {
        try FileManager.default.removeItem(atPath: file)
      }
      try DocumentFile(file).replace(
        with: #"{"do_sample": true, "temperature": 1.5, "min_p": 0.1}"#)
      func text(_ more: String..., says: Bool) throws -> String {
        let result = try succeed(
          ["generate", "--model", ".", "--prompt", "Once", "-n", "24"] + more, in: folder)
        #expect(
          result.errors.hasPrefix(
            "sampling as generation_config.json says: temperature 1.5, top-k 50, but without its "
              + "min_p; --temperature 0 takes the most probable tokens\n") == says,
          "\(result.errors)")
        return result.output
      }
      let drawn = try text("--seed", "7", says: true)
      #expect(try text("--seed", "7", says: true) == drawn)
      #expect(try text("--seed", "8", says: true) != drawn)
      let greedy = try text("--temperature", "0", says: false)
      #expect(greedy != drawn)
      #expect(try text("--temperature", "0", "--seed", "7", says: false) == greedy)
      let document = try JSONValue(parsing: try text("--seed", "7", "--json", says: true))
      #expect(document["text"]?.stringValue == String(drawn.dropLast()))
      #expect(document["sampling"]?.compact == #"{"temperature":1.5,"topK":50,"seed":"7"}"#)
      try DocumentFile(file).replace(with: #"{"do_sample": false, "temperature": 1.5}"#)
      #expect(try text("--seed", "7", says: false) == greedy)
    }
  }

  @Test func `A text is continued from a file of what the model remembers`() throws {
    try withTemporaryFolder { folder in
      let generate = ["generate", "--model", Program.teacher, "--temperature", "0.8"]
      try DocumentFile(folder + "/text.txt").replace(with: TinyRecipe.text)
      let prompt = ["--prompt-file", "text.txt"]
      let whole = try succeed(generate + prompt + ["-n", "20"], in: folder)
      let read = try succeed(
        generate + prompt + ["-n", "0", "--save-memory", "text.h5"], in: folder)
      #expect(read.output == "\n")
      #expect(read.errors.contains("\ntext.h5: the memory of "), "\(read.errors)")
      let first = try succeed(
        generate + ["--memory", "text.h5", "-n", "8", "--save-memory", "more.h5"], in: folder)
      #expect(first.errors.hasPrefix("remembered: "), "\(first.errors)")
      let second = try succeed(generate + ["--memory", "more.h5", "-n", "12"], in: folder)
      #expect(first.output.dropLast() + second.output == whole.output)
      let answered = try succeed(
        generate + ["--memory", "text.h5", "--prompt", " She", "-n", "4", "--json"], in: folder)
      let document = try JSONValue(parsing: answered.output)
      #expect(document["rememberedTokens"]?.intValue ?? 0 > 40)
      #expect(document["promptTokens"]?.intValue == 1)

      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/text.h5"))
      try bytes.dropLast(100).write(to: URL(fileURLWithPath: folder + "/cut.h5"))
      for (name, status, words) in [
        ("nothing.h5", 66, "nothing.h5: cannot open it: there is no such file"),
        ("cut.h5", 65, "cut.h5: cannot open it as HDF5: "),
      ] {
        let refused = try Program.run(generate + ["--memory", name], in: folder)
        #expect(refused.status == status)
        #expect(refused.errors.contains(words), "\(refused.errors)")
      }
      let occupied = try Program.run(
        generate + prompt + ["--save-memory", "text.txt"], in: folder)
      #expect(occupied.status == 74)
      #expect(
        occupied.errors.hasPrefix("error: text.txt: the memory cannot be written: it is there"))
    }
  }

  @Test func `Text becomes tokens, tokens activations`() throws {
    try withTemporaryFolder { folder in
      let model = ["--model", Program.teacher]
      try DocumentFile(folder + "/text.txt").replace(with: TinyRecipe.text)
      let tokens = try succeed(
        ["tokenize", "--text", "text.txt", "--output", "ids.json"] + model, in: folder)
      #expect(tokens.output == "")
      let count = try #require(try DocumentFile(folder + "/ids.json").read().arrayValue?.count)
      #expect(count > 40)
      #expect(
        tokens.errors == "ids.json: \(count) tokens of \(TinyRecipe.text.utf8.count) bytes\n")
      _ = try succeed(
        ["activations", "--tokens", "ids.json", "--output", "states.h5"] + model, in: folder)
      #expect(exists(folder + "/states.h5"))
    }
  }

  @Test func `A model is measured on text, held to a bound, and timed`() throws {
    try withTemporaryFolder { folder in
      let model = ["--model", Program.teacher]
      try DocumentFile(folder + "/text.txt").replace(with: TinyRecipe.text)
      let evaluate =
        ["evaluate", "--text", "text.txt", "--no-recall", "--no-fidelity"]
        + ["--sequence-length", "16"] + model
      let measured = try succeed(evaluate + ["--output", "measured"], in: folder)
      #expect(measured.output.hasPrefix("model    perplexity"))
      #expect(exists(folder + "/measured/report.html"))
      let missed = try Program.run(evaluate + ["--threshold", "accuracy>=1"], in: folder)
      #expect(missed.status == 1)
      #expect(missed.errors.contains("error: missed accuracy ("), "\(missed.errors)")
      let timed = try succeed(
        ["benchmark", "--lengths", "16", "--steps", "1"] + model, in: folder)
      #expect(timed.output.hasPrefix("Context  teacher prefill tok/s"))
    }
  }

  @Test func `A decoder is no encoder, and is refused by name`() throws {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/text.txt").replace(with: TinyRecipe.text)
      let result = try Program.run(
        ["embed", "--model", Program.teacher, "--text", "text.txt"], in: folder)
      #expect(result.status == 65)
      #expect(
        result.errors
          == "error: \(Program.teacher): is a decoder (llama); embeddings are those of an encoder\n"
      )
    }
  }

  @Test func `A study carries out its recipe with every variant`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      let study: JSONValue = [
        "name": "sizes", "output": "study",
        "recipes": [["name": "tiny", "path": "recipe.json"]],
        "variants": [
          ["name": "eight", "set": ["student.windowSize=8"]],
          ["name": "four", "set": ["student.windowSize=4"]],
        ],
        "columns": [["title": "ratio", "recipe": "tiny", "measure": "perplexityRatio"]],
      ]
      try DocumentFile(folder + "/study.json").replace(with: study.pretty)
      let result = try succeed(["study", "study.json", "--quiet"], in: folder)
      for name in ["eight", "four"] {
        #expect(result.output.contains(name))
        #expect(exists("\(folder)/study/tiny/\(name)/results.json"))
      }
    }
  }

  @Test func `What a recipe may name is listed, and its schema is the committed one`() throws {
    try withTemporaryFolder { folder in
      let families = try succeed(["list", "families"], in: folder)
      #expect(families.output.hasPrefix("families\n  llama "))
      let schema = try succeed(["schema"], in: folder)
      #expect(
        try schema.output
          == String(contentsOfFile: Program.root + "/recipes/recipe.schema.json", encoding: .utf8))
      #expect(try succeed(["--version"], in: folder).output.contains("."))
    }
  }

  // MARK: OpenBLAS's kernels

  private func core(_ requested: String?, in folder: String) throws -> String? {
    let result = try Program.run(
      ["env", "--json"], in: folder, environment: ["OPENBLAS_CORETYPE": requested])
    #expect(result.status == 0, "\(result.errors)")
    let libraries = try #require(JSONValue(parsing: result.output)["libraries"])
    let core = libraries["openblasCore"]?.stringValue
    // Who chose them is said as well.
    let choice = try #require(libraries["openblasChoice"]?.stringValue)
    #expect(choice.hasPrefix((core ?? "") + ", "))
    let isAsked = requested?.isEmpty == false
    #expect(choice.contains("OPENBLAS_CORETYPE=\(requested ?? "") asks") == isAsked, "\(choice)")
    return core
  }

  @Test func `The program takes the kernels that it is told, and its own where it is told none`()
    throws
  {
    try withTemporaryFolder { folder in
      #expect(try core("Prescott", in: folder) == "Prescott")
      let chosen = try #require(try core(nil, in: folder))
      // OpenBLAS chooses otherwise where the variable is there, if only empty.
      let chosenOfEmpty = try #require(try core("", in: folder))
      #if arch(x86_64)
        let flags =
          try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
          .split(separator: "\n").first { $0.hasPrefix("flags") }?.split(separator: " ") ?? []
        if flags.contains("avx2"), flags.contains("fma") {
          for core in [chosen, chosenOfEmpty] {
            #expect(!["Prescott", "Nehalem", "Sandybridge"].contains(core))
          }
        }
      #endif
    }
  }
}
