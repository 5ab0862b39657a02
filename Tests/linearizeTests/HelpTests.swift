import Foundation
import TestSupport
import Testing

@testable import linearize

/// What `--help` of the built program says first. Whoever changes it changes what people and their
/// scripts know it by.
@Suite struct HelpTests {
  struct Pinned: Sendable, CustomTestStringConvertible {
    let command: String
    let overview: String
    let usage: String
    var testDescription: String { command }

    init(_ command: String, _ overview: String, _ usage: String) {
      self.command = command
      self.overview = overview
      self.usage = usage
    }
  }

  private static let recipe =
    "--recipe <recipe> [--set <path=value> ...] [--output <output>] [--seed <seed>]"
  private static let model = "--model <path> [--teacher <path>] [--quiet]"

  static let pinned = [
    Pinned(
      "run", "Carries out a recipe: transfer, adaptation, evaluation, report.",
      "\(recipe) [--resume] [--dry-run] [--quiet]"),
    Pinned(
      "validate", "Reports every mistake of a recipe or a study at once, without running it.",
      "\(recipe) [--print] [--skip-inputs]"),
    Pinned(
      "inspect", "Shows what is in a checkpoint: tensors, types, shapes, metadata.",
      "<path> [--json]"),
    Pinned(
      "evaluate",
      "Measures a model on text, tasks and recall, and says what its memory is worth.",
      "[<options>] --model <path>"),
    Pinned(
      "benchmark", "Measures prefill and decode speed, and state memory, against context length.",
      "\(model) [--lengths <a,b,…>] [--max-seconds <max-seconds>] [--steps <steps>] "
        + "[--output <path>] [--json]"),
    Pinned(
      "compare", "Puts the results of several runs or students side by side.",
      "<run> ... [--output <path>] [--json]"),
    Pinned(
      "study", "Carries recipes out with several values, and puts their results in one table.",
      "<study> [--output <output>] [--table-only] [--quiet]"),
    Pinned(
      "generate", "Continues a text, token by token.", "[<options>] --model <path>"),
    Pinned(
      "serve", "Serves a model over HTTP, as OpenAI's API has it.", "[<options>] --model <path>"),
    Pinned(
      "tokenize", "Turns a text into token ids.",
      "\(model) --text <path> --output <path> [--format <format>]"),
    Pinned(
      "activations", "Writes a model's hidden states and logits for given tokens.",
      "\(model) --tokens <path> --output <path> [--attention-weights]"),
    Pinned(
      "embed", "Turns texts into vectors with an encoder or its student.",
      "\(model) --text <path> [--sequence-length <sequence-length>] [--output <path>]"),
    Pinned(
      "export", "Writes a model for transformers, for llama.cpp, or its adapters for PEFT.",
      "\(model) --output <path> [--format <format>] [--type <type>] [--merge] [--dtype <dtype>] "
        + "[--max-shard-size <size>] [--step <step>] [--stage <id>]"),
    Pinned("merge", "Adds a student's adapters into its projections.", "\(model) --output <path>"),
    Pinned("list", "Lists what a recipe may name.", "[<kind>] [--json]"),
    Pinned(
      "recipes", "Lists the recipes that come with the program, and copies one.", "<subcommand>"),
    Pinned(
      "env", "Prints what a run's numbers depend on: program, machine, libraries, job.", "[--json]"),
    Pinned("schema", "Prints the JSON Schema of recipes.", ""),
  ]

  @Test(arguments: pinned) func `Help begins with what the command does`(pinned: Pinned) throws {
    let result = try withTemporaryFolder {
      try Program.run([pinned.command, "--help"], in: $0, environment: ["COLUMNS": "200"])
    }
    #expect(result.status == 0)
    #expect(result.errors == "")
    // Paragraphs: overview, discussion, usage, arguments, options.
    let paragraphs: [String] = result.output.components(separatedBy: "\n\n").map {
      $0.replacing("\n", with: " ").trimmingCharacters(in: .whitespaces)
    }
    #expect(paragraphs.first == "OVERVIEW: " + pinned.overview)
    let usage = "USAGE: linearize \(pinned.command)" + (pinned.usage.isEmpty ? "" : " ")
    #expect(paragraphs.contains(usage + pinned.usage))
  }

  @Test func `Every command's help is pinned here, in the order of the program's`() {
    let names = Linearize.configuration.subcommands.map { $0.configuration.commandName }
    #expect(names == Self.pinned.map(\.command))
  }

  @Test func `The program's own help names every exit status and every command`() throws {
    let result = try withTemporaryFolder { try Program.run(["--help"], in: $0) }
    #expect(result.status == 0)
    #expect(
      result.output.hasPrefix(
        """
        OVERVIEW: Converts softmax transformers to linear attention.

        EXIT STATUS
          0   done
          1   a threshold of the recipe was missed
          64  wrong usage
          65  an input is malformed
          66  an input is missing
          70  a mistake of this program
          74  a file could not be read or written
          75  stopped by a signal, after saving or before all was answered
          78  the recipe is wrong

        USAGE: linearize <subcommand>

        """))
    // The schema is for editors and is not listed.
    for command in Self.pinned.map(\.command) where command != "schema" {
      #expect(result.output.contains("\n  \(command) "), "\(command)")
    }
  }
}
