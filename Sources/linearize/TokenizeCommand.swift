import ArgumentParser
import Pipeline
import Reports

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Turns a text into token ids.",
    discussion: """
      Writes one flat JSON list, without the tokens that a model puts around a text. Special \
      tokens that the text spells are recognised, as the tokenizers package does.

      EXAMPLES
        linearize tokenize --model teacher.gguf --text test.txt --output ids.json
      """)

  @OptionGroup var options: ModelOptions

  @Option(help: ArgumentHelp("The text, in UTF-8.", valueName: "path"), completion: .file())
  var text: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The list of ids.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var output: String

  func run() throws {
    let text = try TextFile.read(self.text)
    let tokens = try options.open().requireTokenizer().encode(text)
    try TokenWriter.write(tokens, to: output)
    options.log(
      "\(output): \(Figures.count(tokens.count)) tokens of \(Figures.count(text.utf8.count)) bytes")
  }
}
