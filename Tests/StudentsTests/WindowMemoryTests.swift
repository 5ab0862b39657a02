import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct WindowMemoryTests {
  /// Every memory with every window, policy and set of keys that has a meaning.
  static let combinations: [StudentCase] = StudentRegistry.memories.flatMap { memory in
    let isNormalized = memory is any NormalizedMemorySpecification.Type
    return StudentRegistry.windows.flatMap { window in
      StudentRegistry.policies.flatMap { policy in
        MemoryKeys.allCases.compactMap { keys -> StudentCase? in
          // A terrace's keys do not leave one by one, as a recurrent memory would have them.
          if !isNormalized, keys == .older, window.name == "terrace" { return nil }
          let isExact = policy is any ExactPolicySpecification.Type
          if isExact, !isNormalized || keys == .all { return nil }
          return StudentCase(document: [
            "memory": ["kind": .string(memory.name), "keys": .string(keys.rawValue)],
            "window": ["kind": .string(window.name), "size": 5, "sinks": 2],
            "policy": ["kind": .string(policy.name)],
          ])
        }
      }
    }
  }

  @Test func `Every memory meets every window and policy`() {
    let names = { (part: String) in
      Set(Self.combinations.compactMap { $0.document[part]?["kind"]?.stringValue })
    }
    #expect(names("memory") == Set(StudentRegistry.memories.map { $0.name }))
    #expect(names("window") == Set(StudentRegistry.windows.map { $0.name }))
    #expect(names("policy") == Set(StudentRegistry.policies.map { $0.name }))
  }

  @Test(arguments: combinations)
  func `Decoding gives what the whole gives, and later tokens change nothing`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 70)
    let width = operands.attention.queryWidth
    let whole = mixer.output(operands).elements
    let expected = whole.map(Double.init)
    for length in [1, 9, 70] {
      var reader = SequenceReader(mixer)
      let decoded = reader.advance(operands, pieceLength: length)
      #expect(relativeRMS(decoded, expected) < 1e-5, "\(length)")
    }
    let beginning = mixer.output(operands[0..<33]).elements
    #expect(relativeRMS(beginning, Array(expected[..<(33 * width)])) < 1e-6)
  }

  @Test(arguments: combinations)
  func `Padding and other documents are not seen`(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let layout = SequenceLayout(
      rows: 50, segments: [.init(start: 2, count: 11), .init(start: 13, count: 30)])
    let operands = MixerOperands(StudentCase.geometry.attention, rows: layout.rows)
    let width = operands.attention.queryWidth
    let output = mixer.output(operands, layout: layout).elements
    for segment in layout.segments {
      let rows = segment.rows.lowerBound * width..<segment.rows.upperBound * width
      let alone = mixer.output(operands[segment.rows]).elements.map(Double.init)
      #expect(relativeRMS(Array(output[rows]), alone) < 1e-6)
    }
    for rows in layout.padding {
      #expect(
        output[rows.lowerBound * width..<rows.upperBound * width].allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: combinations)
  func `Either half alone is a mixer of its own, and decodes`(testCase: StudentCase) throws {
    let mixer = try #require(try testCase.trainedMixer() as? any HybridMixer)
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 40)
    let plain = SoftmaxWindowMixer(operands.attention, window: mixer.window, sinks: mixer.sinks)
    let window = try #require(mixer.only(.window))
    #expect(window.output(operands).elements == plain.output(operands).elements)
    let memory = try #require(mixer.only(.memory))
    let whole = memory.output(operands).elements
    #expect(whole.contains { $0 != 0 })
    #expect(whole != window.output(operands).elements)
    var reader = SequenceReader(memory)
    #expect(relativeRMS(reader.advance(operands, pieceLength: 3), whole.map(Double.init)) < 1e-5)
    #expect(reader.position == 40)
  }

  private func student(_ policy: JSONValue, keys: String, window: Int = 5) throws
    -> any HybridMixer
  {
    let mixer = try StudentCase(document: [
      "memory": ["keys": .string(keys)], "window": ["size": .integer(window), "sinks": 2],
      "policy": policy,
    ]).freshMixer()
    return try #require(mixer as? any HybridMixer)
  }

  private func outputs(_ mixer: any HybridMixer, rows: Int = 60) throws -> (
    whole: [Float], window: [Float], memory: [Float]
  ) {
    let operands = MixerOperands(StudentCase.geometry.attention, rows: rows)
    let halves = try MixerPart.allCases.map { try #require(mixer.only($0)).output(operands) }
    return (mixer.output(operands).elements, halves[0].elements, halves[1].elements)
  }

  @Test func `A projection of 0 leaves the window's output, bit for bit`() throws {
    for keys in ["older", "all"] {
      let found = try outputs(try student(["kind": "projected-sum"], keys: keys))
      #expect(found.whole == found.window)
    }
  }

  @Test func `A gate at −8 leaves the window's output to one in a thousand`() throws {
    let found = try outputs(try student(["kind": "gated"], keys: "older"))
    #expect(relativeRMS(found.whole, found.window.map(Double.init)) < 1e-3)
    #expect(found.whole != found.window)
  }

  @Test func `A shared denominator hardly hears a memory at e^−6`() throws {
    let found = try outputs(try student(["kind": "shared"], keys: "older"))
    #expect(relativeRMS(found.whole, found.window.map(Double.init)) < 0.05)
    #expect(found.whole != found.window)
  }

  @Test func `An average and a sum are what their formulas say`() throws {
    let average = try outputs(try student(["kind": "average"], keys: "all"))
    let half = zip(average.window, average.memory).map { 0.5 * Double($0) + 0.5 * Double($1) }
    #expect(relativeRMS(average.whole, half) < 1e-6)
    let sum = try outputs(try student(["kind": "alpha-sum", "initialAlpha": 3], keys: "all"))
    let tripled = zip(sum.window, sum.memory).map { 3 * Double($0) + Double($1) }
    #expect(relativeRMS(sum.whole, tripled) < 1e-6)
  }

  @Test func `While nothing has left the window, an average is the window`() throws {
    for policy in ["average", "gated"] {
      let found = try outputs(
        try student(["kind": .string(policy)], keys: "older", window: 60), rows: 60)
      #expect(found.whole == found.window)
      #expect(found.memory.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: ["sliding", "terrace"], [false, true])
  func `LoLCATs' units in three choices are the short form, bit for bit`(
    window: String, isAffine: Bool
  ) throws {
    let short = try StudentCase(document: [
      "mixer": .string("\(window)-window"), "windowSize": 8, "sinks": 3,
      "affineAttentionFactors": .bool(isAffine), "featureMap": ["bias": true],
    ]).trainedMixer()
    let long = try StudentCase(document: [
      "memory": ["featureMap": ["bias": true]],
      "window": ["kind": .string(window), "size": 8, "sinks": 3],
      "policy": [
        "kind": "shared", "units": "rowMax", "affineAttentionFactors": .bool(isAffine),
      ],
    ]).trainedMixer()
    #expect(long.parameters.map(\.name) == short.parameters.map(\.name))
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 90)
    #expect(long.output(operands).elements == short.output(operands).elements)
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7", "qlinatt"])
  func `A memory without a window is the student of its name, bit for bit`(name: String) throws {
    let short = try StudentCase(document: ["mixer": .string(name)]).trainedMixer()
    let long = try StudentCase(document: ["memory": ["kind": .string(name)]]).trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 40)
    #expect(long.output(operands).elements == short.output(operands).elements)
  }

  // MARK: Recipes

  private func mistakes(_ document: JSONValue) -> [String] {
    do {
      _ = try DocumentReader.read(document, at: "$.student", StudentSpecification.init)
      return []
    } catch { return error.diagnostics.map(\.description) }
  }

  @Test func `What has no meaning is refused with what to write instead`() {
    let recurrent: JSONValue = ["kind": "rad-rwkv6"]
    #expect(
      mistakes(["memory": recurrent, "window": [:], "policy": ["kind": "shared"]]) == [
        """
        $.student.policy.kind: "shared" divides window and memory by one denominator, and the \
        memory "rad-rwkv6" has none; use one of "projected-sum", "gated", "average", \
        "normed-average", "alpha-sum"
        """
      ])
    #expect(
      mistakes([
        "memory": ["keys": "all"], "window": [:], "policy": ["kind": "shared"],
      ]) == [
        """
        $.student.memory.keys: "all" would count the window's keys twice under the one \
        denominator of "shared"; write "older", or use one of the policies "projected-sum", \
        "gated", "average", "normed-average", "alpha-sum"
        """
      ])
    #expect(
      mistakes([
        "memory": ["kind": "qlinatt", "keys": "older"], "window": ["kind": "terrace"],
      ]) == [
        """
        $.student.memory.keys: the memory "qlinatt" is fed every key when it leaves a window of \
        fixed length, which a terrace is not; write "all", or use the window "sliding"
        """
      ])
    #expect(
      mistakes(["memory": ["keys": "older"]]) == [
        """
        $.student.memory.keys: there is no window that keys could leave; write "all", or add a \
        "window"
        """
      ])
    #expect(
      mistakes(["memory": [:], "policy": ["kind": "gated"]]) == [
        """
        $.student.policy: there is no window that the memory could be joined with; add a \
        "window", or remove the policy
        """
      ])
    #expect(
      mistakes(["mixer": "linear", "featureMap": [:], "window": ["size": 8]]).first?.hasPrefix(
        "$.student.window: is not a known key") == true)
  }

  @Test func `Three choices are spelled out with their defaults`() throws {
    let (_, resolved) = try DocumentReader.resolve(
      ["window": ["size": 8]], StudentSpecification.init)
    #expect(resolved["mixer"] == "window-memory")
    #expect(resolved["policy"]?["kind"] == "projected-sum")
    #expect(resolved["window"]?["kind"] == "sliding")
    #expect(resolved["window"]?["sinks"] == 4)
    #expect(resolved["memory"]?["kind"] == "feature-map")
    #expect(resolved["memory"]?["keys"] == "older")
    let again = try DocumentReader.resolve(resolved, StudentSpecification.init).resolved
    #expect(again == resolved)
  }

  @Test func `A window needs a causal teacher`() throws {
    let geometry = LayerGeometry(
      layer: 0,
      attention: AttentionShape(
        queryHeads: 4, keyValueHeads: 2, headDim: 6, isCausal: false), hiddenSize: 20)
    let specification = try StudentCase(document: ["window": ["size": 8]]).specification()
    #expect(
      specification.mixer.conflicts(with: geometry) == [
        "window needs a causal teacher: it holds the last keys up to a query's own, and queries of this teacher see those after it as well; remove it"
      ])
  }
}
