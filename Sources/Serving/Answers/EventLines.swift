import Documents

/// An answer as server-sent events.
struct EventLines: Sendable {
  private let form: any AnswerForm
  private let includesUsage: Bool
  private var opened: Set<Int> = []
  /// Code points of each choice's text.
  private var lengths: [Int: Int] = [:]
  private var tokens = 0
  private var left: Int

  init(_ form: any AnswerForm, includesUsage: Bool) {
    self.form = form
    self.includesUsage = includesUsage
    left = form.choices
  }

  /// The lines that tell an event.
  mutating func bytes(_ event: GenerationEvent) -> [UInt8] {
    switch event {
    case .prompt: return []
    case .text(let choice, let text, let told):
      let opening = open(choice)
      let offset = lengths[choice, default: 0]
      lengths[choice] = offset + text.unicodeScalars.count
      return opening + line(form.part(choice, text, told, offset: offset))
    case .end(let choice, let ending, let count):
      tokens += count
      left -= 1
      var lines = open(choice) + line(form.end(choice, ending))
      if left == 0 {
        if includesUsage {
          lines += Self.line(
            form.head.document(isStreamed: true, [], usage: form.usage(tokens)))
        }
        lines += Array("data: [DONE]\n\n".utf8)
      }
      return lines
    case .failure(let error): return Self.line(error.document)
    }
  }

  private mutating func open(_ choice: Int) -> [UInt8] {
    guard opened.insert(choice).inserted else { return [] }
    return form.opening(choice).map(line) ?? []
  }

  private func line(_ choice: JSONValue) -> [UInt8] {
    Self.line(
      form.head.document(isStreamed: true, [choice], usage: includesUsage ? .null : nil))
  }

  private static func line(_ document: JSONValue) -> [UInt8] {
    Array("data: \(document.compact)\n\n".utf8)
  }
}
