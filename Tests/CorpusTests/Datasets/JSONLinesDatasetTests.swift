import Documents
import Testing

@testable import Corpus

struct JSONLinesDatasetTests {
  @Test
  func `A text member is read whatever its name, empty texts and blank lines are passed over`()
    throws
  {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file(
        "a.jsonl", "\u{FEFF}{\"t\":\"a\\nb\"}\r\n\r\n  \n{\"t\":\"\"}\n{\"t\":\"c\",\"u\":1}"),
      format: .jsonlText)
    specification.textField = "t"
    #expect(try folder.texts(specification) == ["a\nb$", "c$"])
  }

  @Test func `The text of a line can be cut into documents as a file's text is`() throws {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file(
        "a.jsonl", #"{"text":"a\nb\n\n\nc\r\n\r\nd\n"}"# + "\n" + #"{"text":"e"}"#),
      format: .jsonlText)
    specification.documents = .blankLine
    #expect(try folder.texts(specification) == ["a\nb$", "c\r$", "d$", "e$"])
    specification.documents = .line
    #expect(try folder.texts(specification) == ["a$", "b$", "c\r$", "d$", "e$"])
    specification.documents = .wholeFile
    #expect(try folder.texts(specification).count == 2)
  }

  @Test func `All bad lines are reported at once, with what each lacks`() throws {
    let folder = try DatasetFolder()
    let path = try folder.file(
      "a.jsonl",
      """
      {"text": "ok"}
      {"text": 5}
      {"texts": "x"}
      ["x"]
      {"text": "x"
      {"text": "x", "text": "y"}
      """)
    let error = try #require(throws: DatasetError.self) {
      try folder.texts(DatasetSpecification(path: path, format: .jsonlText))
    }
    let lines = error.description.split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines[0] == "\(path), line 2: \"text\" is the integer 5, expected a string")
    #expect(lines[1] == "\(path), line 3: has no member \"text\"; its members are \"texts\"")
    #expect(lines[2] == "\(path), line 4: found an array of 1, expected a JSON object")
    #expect(lines[3].hasPrefix("\(path), line 5: column 13: "))
    #expect(lines[4].hasPrefix("\(path), line 6: column "))
    #expect(error.exitCode == .badData)
  }

  @Test func `A file of bad lines stops being read after twenty`() throws {
    let folder = try DatasetFolder()
    let path = try folder.file("a.jsonl", String(repeating: "x\n", count: 100))
    let error = try #require(throws: DatasetError.self) {
      try folder.texts(DatasetSpecification(path: path, format: .jsonlText))
    }
    let lines = error.description.split(separator: "\n")
    #expect(lines.count == 21)
    #expect(lines.last == "reading stopped after 20 bad lines")
  }

  @Test func `An instruction is put into the Alpaca prompt, and only the answer is learned`() throws
  {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file(
        "a.jsonl",
        """
        {"instruction": "Add.", "input": "1 2", "output": "3"}
        {"instruction": "Go.", "input": "", "output": "went"}
        {"instruction": "Go.", "output": ""}
        """), format: .jsonlInstruction)
    let documents = try folder.documents(specification)
    let prompt = """
      Below is an instruction that describes a task, paired with an input that provides further \
      context. Write a response that appropriately completes the request.

      ### Instruction:
      Add.

      ### Input:
      1 2

      ### Response:

      """
    #expect(ByteEncoder.text(documents[0].tokens) == prompt + "3$")
    let hidden = ByteEncoder().encode(prompt, addSpecialTokens: false).count
    #expect(
      ByteEncoder.text(documents[0].labels) == String(repeating: "_", count: hidden) + "3$")
    let short = """
      Below is an instruction that describes a task. Write a response that appropriately completes \
      the request.

      ### Instruction:
      Go.

      ### Response:

      """
    #expect(ByteEncoder.text(documents[1].tokens) == short + "went$")
    #expect(ByteEncoder.text(documents[2].tokens) == short + "$")
    #expect(documents[2].labels.filter { $0 != -100 } == [256])
    specification.labels = .everything
    #expect(try folder.documents(specification).allSatisfy { $0.labels == $0.tokens })
  }

  // MARK: Conversations

  private func chat(_ family: String) throws -> ChatFormat {
    ChatFormat(
      template: try ChatGoldens.family(family), beginningOfText: "<s>", endOfText: "</s>")
  }

  private func conversation(
    _ family: String, _ messages: String, labels: DatasetSpecification.Labels = .answers
  ) throws -> EncodedDocument {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file("a.jsonl", "{\"messages\": [\(messages)]}\n"), format: .jsonlChat)
    specification.labels = labels
    return try folder.documents(specification, chat: chat(family))[0]
  }

  private let messages = """
    {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}, \
    {"role": "user", "content": "Say"}, {"role": "assistant", "content": "what"}
    """

  @Test
  func `A conversation is rendered by the teacher's template, and only the assistant is learned`()
    throws
  {
    let document = try conversation("smollm2", messages)
    let text = ByteEncoder.text(document.tokens)
    #expect(text.hasPrefix("<|im_start|>system\nYou are a helpful AI assistant named SmolLM"))
    #expect(text.hasSuffix("<|im_start|>assistant\nwhat<|im_end|>\n"))
    let learned = document.labels.split(separator: -100).map { ByteEncoder.text($0) }
    #expect(learned == ["Ho<|im_end|>\n", "what<|im_end|>\n"])
    #expect(zip(document.labels, document.tokens).allSatisfy { $0 == -100 || $0 == $1 })
    #expect(
      try conversation("smollm2", messages, labels: .everything).labels == document.tokens)
  }

  @Test(arguments: [
    ("llama2", [" Ho </s>", " what </s>"]), ("mistral", [" Ho</s>", " what</s>"]),
    ("llama3", ["Ho<|eot_id|>", "what<|eot_id|>"]),
  ])
  func `Other families mark their own answers`(family: String, expected: [String]) throws {
    let document = try conversation(family, messages)
    // Templates keep line ends between turns; they belong to nobody's answer.
    let learned = document.labels.split(separator: -100).map { ByteEncoder.text($0) }
    #expect(learned == expected)
  }

  @Test func `A token across the border of an answer is learned`() throws {
    let document = try conversation(
      "smollm2", #"{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "\nHo"}"#)
    let learned = document.labels.split(separator: -100).map { ByteEncoder.text($0) }
    #expect(learned == ["\n\nHo<|im_end|>\n"])
  }

  @Test(arguments: [
    (
      "llama2", #"{"role": "assistant", "content": "a"}"#,
      "line 1: the template of llama2, line 3: the chat template refuses this conversation: Roles"
    ),
    ("smollm2", #"{"content": "a"}"#, "line 1: \"messages[0]\" has no \"role\", expected"),
    ("smollm2", "", "line 1: \"messages\" is an array of 0, expected an array of messages"),
    (
      "smollm2", #"{"role": "user", "content": null}"#,
      "line 1: the template of smollm2, line 3: the operator + does not take a string and none"
    ),
  ])
  func `What the template refuses, and what it rewrites later, is reported with the line`(
    family: String, messages: String, expected: String
  ) throws {
    let error = try #require(throws: DatasetError.self) { try conversation(family, messages) }
    #expect(error.description.contains("a.jsonl, " + expected), "\(error)")
  }

  @Test func `A teacher without a chat template cannot be given conversations`() throws {
    let folder = try DatasetFolder()
    let specification = DatasetSpecification(
      path: try folder.file("a.jsonl", "{}"), format: .jsonlChat)
    let error = try #require(throws: DatasetError.self) { try folder.documents(specification) }
    #expect(error.description.contains("no chat template; use a teacher that has one"))
  }
}
