import ArgumentParser
import Testing

@testable import linearize

@Suite struct CommandTests {
  private func message(_ arguments: [String]) -> String {
    do {
      _ = try Linearize.parseAsRoot(arguments)
      return "accepted"
    } catch {
      return Linearize.message(for: error)
    }
  }

  @Test(arguments: [
    (
      ["generate", "--model", "m"],
      "Give --prompt or --prompt-file; --prompt \"\" starts from nothing."
    ),
    (
      ["generate", "--model", "m", "--prompt", "a", "--prompt-file", "b"],
      "Give --prompt or --prompt-file, not both."
    ),
    (["generate", "--model", "m", "--prompt", "a", "--system", "s"], "--system needs --chat."),
    (
      ["generate", "--model", "m", "--memory", "f", "--prompt", "a", "--chat"],
      "--chat spells a conversation from its start, which --memory has behind it; spell the next "
        + "message in --prompt."
    ),
    (
      ["generate", "--model", "m", "--prompt", "a", "--max-tokens=-1"],
      "--max-tokens is -1, expected 0 or more."
    ),
    (["serve", "--model", "m", "--sequences", "0"], "--sequences is 0, expected 1 or more."),
    (["serve", "--model", "m", "--waiting=-1"], "--waiting is -1, expected 0 or more."),
    (
      ["evaluate", "--model", "m"],
      "Nothing to measure: give --text, --tokens, --task, --recall or --speed."
    ),
    (
      ["evaluate", "--model", "m", "--tokens", "a", "--text", "b"],
      "Give either --tokens or --text."
    ),
    (
      ["evaluate", "--model", "m", "--tokens", "a", "--sequence-length", "1"],
      "--sequence-length is 1, expected at least 2: the first token is not scored."
    ),
    (
      ["evaluate", "--model", "m", "--task", "t", "--limit", "0"],
      "--limit is 0, expected at least 1."
    ),
    (
      ["evaluate", "--model", "m", "--speed", "512,x"],
      "\"512,x\": found \"x\", expected a number of tokens."
    ),
    (
      ["evaluate", "--model", "m", "--speed", "1024,512"],
      "\"1024,512\": expected ascending lengths."
    ),
    (
      ["evaluate", "--model", "m", "--text", "t", "--tolerance=-1"],
      "--tolerance is -1.0, expected at least 0."
    ),
    (["compare", "a"], "Give at least two runs to compare."),
    (
      ["export", "--model", "m", "--output", "o", "--max-shard-size", "0"],
      "--max-shard-size is 0, expected a size such as 5GB, 500MB or 1000000."
    ),
  ])
  func `Commands that mean nothing are refused before anything is read`(
    arguments: [String], text: String
  ) {
    #expect(message(arguments) == text)
  }

  @Test(arguments: [
    ["inspect", "m", "--json"], ["generate", "--model", "m", "--prompt", ""],
    ["generate", "--model", "m", "--memory", "f", "--save-memory", "f"],
    ["generate", "--model", "m", "--prompt-file", "p", "--chat", "--system", "s", "-n", "5"],
    ["evaluate", "--model", "m", "--text", "t", "--max-sequences", "3", "--output", "o"],
    [
      "evaluate", "--model", "m", "--task", "a.json=b.jsonl", "--task", "c.jsonl", "--limit", "3",
      "--no-recall", "--no-fidelity", "--student-only", "--threshold", "perplexityRatio<=2",
      "--baseline", "r.json", "--tolerance", "0.02",
    ],
    ["benchmark", "--model", "m", "--lengths", "512,1024", "--max-seconds", "10", "--steps", "4"],
    ["compare", "a", "b", "c", "--output", "o", "--json"],
    ["tokenize", "--model", "m", "--text", "t", "--output", "o"],
    ["activations", "--model", "m", "--tokens", "t", "--output", "o", "--attention-weights"],
    ["export", "--model", "m", "--output", "o", "--format", "safetensors", "--merge"],
    [
      "export", "--model", "m", "--output", "o", "--dtype", "bfloat16", "--max-shard-size", "500mb",
    ],
    ["list", "families"], ["recipes"], ["recipes", "list", "--json"],
    ["recipes", "copy", "lolcats", "my.json", "--force"], ["--recipe", "r.json", "--dry-run"],
  ])
  func `The documented spellings are accepted`(arguments: [String]) {
    #expect(message(arguments) == "accepted")
  }

  @Test(arguments: [
    "run", "validate", "inspect", "evaluate", "generate", "tokenize", "activations", "export",
    "benchmark", "compare", "list", "recipes", "env",
  ])
  func `Every command shows examples in its help`(name: String) throws {
    let command = try #require(
      Linearize.configuration.subcommands.first { $0.configuration.commandName == name })
    #expect(command.helpMessage().contains("EXAMPLES"))
  }
}
