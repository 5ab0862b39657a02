import Documents
import Testing

@testable import Corpus

/// Rows of conversations as data sets have them, rendered and learned as templates write them.
@Suite struct ConversationTests {
  private func document(
    _ row: String, _ template: ChatTemplate, tools: ChatTemplate? = nil
  ) throws -> EncodedDocument {
    let folder = try DatasetFolder()
    let specification = DatasetSpecification(
      path: try folder.file("a.jsonl", row + "\n"), format: .jsonlChat)
    var format = ChatFormat(template: template, beginningOfText: "<s>", endOfText: "</s>")
    format.toolTemplate = tools
    return try folder.documents(specification, chat: format)[0]
  }

  private func learned(_ row: String, _ template: ChatTemplate) throws -> [String] {
    let document = try document(row, template)
    #expect(zip(document.labels, document.tokens).allSatisfy { $0 == -100 || $0 == $1 })
    return document.labels.split(separator: -100).map { ByteEncoder.text($0) }
  }

  private func template(_ source: String) throws -> ChatTemplate {
    try ChatTemplate(source, location: "t")
  }

  private func row(_ messages: (String, String)...) -> String {
    let list = messages.map { role, text in
      JSONValue.object(
        JSONObject([("role", .string(role)), ("content", .string(text))])
      ).compact
    }
    return "{\"messages\": [\(list.joined(separator: ", "))]}"
  }

  @Test func `Thoughts that are dropped from history are not looked for`() throws {
    let found = try learned(
      row(
        ("user", "a"), ("assistant", "<think>\nx\n</think>\n\nb"), ("user", "c"),
        ("assistant", "<think>\ny\n</think>\n\nd")), try ChatGoldens.family("qwen3"))
    #expect(found == ["b<|im_end|>\n", "<think>\ny\n</think>\n\nd<|im_end|>\n"])
  }

  /// As DeepSeek-R1's: the prompt opens a thought, and a finished answer loses its own.
  private let opening = """
    {%- for m in messages %}{%- if m.role == 'user' %}{{- '<U>' + m.content }}\
    {%- else %}{{- '<A>' + m.content.split('</think>')[-1] + '<E>' }}{%- endif %}{%- endfor %}\
    {%- if add_generation_prompt %}{{- '<A><think>\\n' }}{%- endif %}
    """

  @Test func `A prompt that opens a thought is the head of an answer as far as both go`() throws {
    let rows = row(
      ("user", "a"), ("assistant", "<think>x</think>same"), ("user", "b"),
      ("assistant", "<think>y</think>same"))
    #expect(try learned(rows, try template(opening)) == ["same<E>", "same<E>"])
  }

  @Test func `Answers that are spelled alike are told apart`() throws {
    let dropping = """
      {%- for m in messages %}{{- '<' + m.role + '>' }}\
      {%- if m.role == 'assistant' and loop.last %}{{- '(first)' }}{%- endif %}\
      {{- m.content + '<E>\n' }}{%- endfor %}\
      {%- if add_generation_prompt %}{{- '<assistant>' }}{%- endif %}
      """
    let rows = row(
      ("user", "x"), ("assistant", "x"), ("user", "x"), ("assistant", "x"), ("user", "x"))
    #expect(try learned(rows, try template(dropping)) == ["x<E>\n", "x<E>\n"])
  }

  @Test func `What the template marks as generated is what is learned`() throws {
    let marked = """
      {%- for m in messages %}{%- if m.role == 'assistant' %}{{- '[A]' }}\
      {%- generation %}{{- m.content }}{%- endgeneration %}{{- '[E]' }}\
      {%- else %}{{- '[U]' + m.content }}{%- endif %}{%- endfor %}
      """
    let rows = row(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    #expect(try learned(rows, try template(marked)) == ["b", "d"])
  }

  @Test(arguments: [
    #"[{"name": "tide"}]"#, #""[{\"name\": \"tide\"}]""#,
  ]) func `Tools of a row are the template's, as a list or as its text`(tools: String) throws {
    let source = """
      {%- if tools %}{{- tools | length }}{{- tools[0].name }}{%- endif %}\
      {%- for m in messages %}{{- '<' + m.role + '>' + m.content }}{%- endfor %}\
      {%- if add_generation_prompt %}{{- '<assistant>' }}{%- endif %}
      """
    let row = """
      {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], \
      "tools": \(tools)}
      """
    let found = try document(row, try template(source))
    #expect(ByteEncoder.text(found.tokens) == "1tide<user>a<assistant>b")
    #expect(try learned(row, try template(source)) == ["b"])
    let other = try template("{{- 'T' }}" + source)
    let named = try document(row, try template(source), tools: other)
    #expect(ByteEncoder.text(named.tokens).hasPrefix("T1tide"))
    let plain = try document(
      self.row(("user", "a"), ("assistant", "b")), try template(source), tools: other)
    #expect(ByteEncoder.text(plain.tokens) == "<user>a<assistant>b")
  }

  @Test func `Tools that are no list are refused`() throws {
    let messages = #""messages": [{"role": "user", "content": "a"}]"#
    for (tools, reason) in [
      ("7", "\"tools\" is the integer 7, expected an array"),
      ("\"[\"", "\"tools\" is a text that is no JSON"),
    ] {
      let error = #expect(throws: DatasetError.self) {
        try document("{\(messages), \"tools\": \(tools)}", try template("x"))
      }
      #expect(error?.description.contains(reason) == true, "\(tools)")
    }
  }

  @Test func `ShareGPT's rows are conversations`() throws {
    let row = """
      {"id": "1", "conversations": [{"from": "system", "value": "s"}, \
      {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
      """
    let plain = try template(
      "{%- for m in messages %}{{- m.role + ':' + m.content + ';' }}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- 'assistant:' }}{%- endif %}")
    let found = try document(row, plain)
    #expect(ByteEncoder.text(found.tokens) == "system:s;user:a;assistant:b;")
    #expect(try learned(row, plain) == ["b;"])
  }
}
