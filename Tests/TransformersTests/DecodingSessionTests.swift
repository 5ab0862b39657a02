import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@Suite struct DecodingSessionTests {
  @Test(arguments: TeacherGolden.all)
  func `decoding token by token gives the hidden states of the parallel form`(golden: TeacherGolden)
    throws
  {
    let teacher = try golden.teacher()
    for tokens in try golden.tokens() {
      let whole = teacher.logits(tokens).doubles
      let session = DecodingSession(teacher)
      let width = teacher.configuration.vocabularySize
      for (index, token) in tokens.enumerated() {
        let logits = session.logits(after: [token]).elements
        let row = Array(whole[index * width..<(index + 1) * width])
        #expect(relativeRMS(logits, row) < 1e-5, "token \(index)")
        #expect(session.position == index + 1)
      }
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `a prompt read in pieces gives the logits of the whole`(golden: TeacherGolden) throws {
    let teacher = try golden.teacher()
    let tokens = try golden.tokens()[1]
    let width = teacher.configuration.hiddenSize
    let whole = DecodingSession(teacher).advance(tokens)
    #expect(whole.shape == [24, width])
    for length in [1, 5, 11, 23] {
      let session = DecodingSession(teacher)
      let last = session.advance(tokens, pieceLength: length).elements
      let expected = Array(whole.doubles.suffix(last.count))
      #expect(relativeRMS(last, expected) < 1e-5, "pieces of \(length)")
      #expect(session.position == 24)
    }
    // Read, continue by hand, read on.
    let session = DecodingSession(teacher)
    let parts = [0..<9, 9..<10, 10..<24].flatMap { session.advance(Array(tokens[$0])).elements }
    #expect(relativeRMS(parts, whole.doubles) < 1e-5)
  }

  @Test(arguments: TeacherGolden.lengthDependent)
  func `a session that knows its length turns tokens as the whole sequence does`(
    golden: TeacherGolden
  ) throws {
    let teacher = try golden.teacher()
    let tokens = try golden.tokens()[0]
    let whole = teacher.logits(tokens).doubles
    let session = DecodingSession(teacher, context: 24)
    let width = teacher.configuration.vocabularySize
    for (index, token) in tokens.enumerated() {
      let row = Array(whole[index * width..<(index + 1) * width])
      #expect(relativeRMS(session.logits(after: [token]).elements, row) < 1e-5, "token \(index)")
    }
    // Tokens already read would stand elsewhere in a longer sequence.
    let isDynamic = golden.name.contains("dynamic")
    #expect(session.expect(context: 40) == !isDynamic)
    let short = DecodingSession(teacher, context: 4)
    _ = short.advance([1, 2])
    #expect(short.expect(context: 9))
    #expect(!short.expect(context: 24))
  }

  @Test func `a session's bytes are those of its keys and values`() throws {
    let teacher = try TeacherGolden("llama").teacher()
    let session = DecodingSession(teacher)
    #expect(session.stateBytes == 0)
    _ = session.advance([1, 2, 3, 4, 5])
    // 2 layers, keys and values of 2 heads of 8 coordinates, 4 bytes each.
    #expect(session.stateBytes == 5 * 2 * 2 * 2 * 8 * 4)
  }

  @Test(arguments: TeacherGolden.all)
  func `documents packed side by side, and padded, come out as each alone`(golden: TeacherGolden)
    throws
  {
    let teacher = try golden.teacher()
    let sequences = try golden.tokens()
    let layout = SequenceLayout(
      rows: 40,
      segments: [
        .init(start: 2, count: 9), .init(start: 11, count: 1), .init(start: 12, count: 24),
      ])
    let parts = [Array(sequences[0][..<9]), [sequences[0][9]], sequences[1]]
    let padding = [Int32](repeating: 96, count: 4)
    let row: [Int32] = Array(padding.prefix(2)) + parts.joined() + padding
    let packed = teacher.logits(row, layout: layout).elements
    let width = teacher.configuration.vocabularySize
    // Every block rounds anew: five units in the last place of a number each.
    let tolerance = 5e-7 * Double(teacher.layers.count)
    for (segment, tokens) in zip(layout.segments, parts) {
      let rows = segment.rows.lowerBound * width..<segment.rows.upperBound * width
      #expect(relativeRMS(Array(packed[rows]), teacher.logits(tokens).doubles) < tolerance)
    }
  }

  @Test func `Mistral's window hides the keys before it, and only those`() throws {
    let golden = TeacherGolden("mistral")
    let source = try golden.source()
    var members = try #require(source.configuration.objectValue)
    members["sliding_window"] = .null
    let unlimited = try Decoder(
      configuration: .object(members), tensors: source.tensors, location: "unlimited")
    let teacher = try golden.teacher()
    #expect(teacher.configuration.slidingWindows == [8, 8])
    #expect(unlimited.configuration.slidingWindows == [nil, nil])
    let tokens = try golden.tokens()[0]
    let (with, without) = (teacher.logits(tokens).elements, unlimited.logits(tokens).doubles)
    let width = teacher.configuration.vocabularySize
    #expect(relativeRMS(Array(with[..<(8 * width)]), Array(without[..<(8 * width)])) < 1e-6)
    for token in 8..<24 {
      let row = token * width..<(token + 1) * width
      #expect(relativeRMS(Array(with[row]), Array(without[row])) > 1e-3, "token \(token)")
    }
    // Two layers of 8 keys reach 14 tokens back.
    var changed = tokens
    changed[3] = (changed[3] + 1) % 97
    let after = teacher.logits(changed).elements
    for token in 0..<24 {
      let row = token * width..<(token + 1) * width
      #expect((with[row] != after[row]) == (3...17).contains(token), "token \(token)")
    }
    // The cache forgets what no query sees any more.
    let session = DecodingSession(teacher)
    for token in tokens { _ = session.advance([token]) }
    #expect(session.stateBytes <= 2 * 2 * 16 * 2 * 8 * 4)
  }
}
