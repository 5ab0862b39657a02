import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// What the suites that walk the registry do not say of the RADLADS students.
@Suite struct RADStudentTests {
  static let cases = StudentCase.all.filter { $0.document["featureMap"] == nil }

  private static func mixer(
    _ document: JSONValue, layer: Int = 1, layers: Int = 3, hiddenSize: Int = 20,
    attention: AttentionShape = StudentCase.geometry.attention, seed: UInt64 = 5
  ) throws -> [String: Parameter] {
    let mixer = try StudentCase(document: document).freshMixer(
      LayerGeometry(
        layer: layer, layers: layers, attention: attention, hiddenSize: hiddenSize,
        hasRotaryPositions: true), seed: seed)
    return Dictionary(uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0) })
  }

  @Test(arguments: cases, [1, 15, 16, 17, 63, 64, 65])
  func `outputs equal the recurrence at every length beside a chunk's end, read at once and by one`(
    testCase: StudentCase, length: Int
  ) throws {
    let mixer = try testCase.trainedMixer()
    let twin = try #require(naiveTwin(testCase, mixer))
    let operands = MixerOperands(twin.attention, rows: length)
    let expected = twin.output(operands, layout: SequenceLayout(length: length))
    #expect(relativeRMS(mixer.output(operands).elements, expected) < 1e-5)
    var state = SequenceReader(mixer)
    #expect(relativeRMS(state.advance(operands, pieceLength: 1), expected) < 1e-5)
  }

  @Test func `decays as strong as they come neither overflow nor lose the gradients`() throws {
    let testCase = try #require(Self.cases.first { $0.mixerName == "rad-rwkv6" })
    let mixer = try testCase.trainedMixer()
    let decay = try #require(mixer.parameters.first { $0.name == "time_decay" })
    // Half of the channels forget all, at the bound of −5 a token.
    decay.value = Tensor((0..<24).map { $0 % 2 == 0 ? 8 : -3 }, decay.value.shape)
    let twin = try #require(naiveTwin(testCase, mixer))
    let operands = MixerOperands(twin.attention, rows: 80)
    let layout = SequenceLayout(length: 80)
    #expect(
      relativeRMS(mixer.output(operands).elements, twin.output(operands, layout: layout)) < 1e-4)
    var draw = TestValues(29)
    let gradients = mixer.gradients(operands, upstream: draw.normal(80 * 24))
    let decayGradient = try #require(gradients["time_decay"]).elements
    for (channel, gradient) in decayGradient.enumerated() {
      #expect(gradient.isFinite && (gradient == 0) == (channel % 2 == 0))
    }
  }

  @Test func `RAD-RWKV6 starts as the reference does, under its names and shapes`() throws {
    let parameters = try Self.mixer(["mixer": "rad-rwkv6"])
    let shapes = parameters.mapValues(\.value.shape)
    #expect(
      shapes == [
        "time_maa_x": [1, 1, 20], "time_maa_r": [1, 1, 20], "time_maa_k": [1, 1, 20],
        "time_maa_v": [1, 1, 20], "time_maa_w": [1, 1, 20], "time_maa_g": [1, 1, 20],
        "time_maa_w1": [20, 160], "time_maa_w2": [5, 32, 20], "time_decay": [1, 1, 24],
        "time_decay_w1": [20, 32], "time_decay_w2": [32, 24], "gate.weight": [24, 20],
      ])
    for (name, value) in [
      ("time_maa_x", 1), ("time_maa_r", 0), ("time_maa_k", 0), ("time_maa_v", 0),
      ("time_maa_w", 0), ("time_maa_g", 0), ("time_maa_w1", 0), ("time_decay_w1", 0),
      ("gate.weight", 0),
    ] as [(String, Float)] {
      #expect(try #require(parameters[name]).value.elements.allSatisfy { $0 == value }, "\(name)")
    }
    for name in ["time_maa_w2", "time_decay_w2"] {
      let values = try #require(parameters[name]).value.elements
      #expect(values.allSatisfy { abs($0) <= 0.01 } && values.contains { abs($0) > 0.009 })
      #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
    }
    let decays = try #require(parameters["time_decay"]).value.elements
    for (n, decay) in decays.enumerated() {
      // Layer 1 of 3: l/(L − 1) = ½.
      #expect(abs(Double(decay) - (-6 + 5 * pow(Double(n) / 23, 0.7 + 0.65))) < 1e-5)
    }
    let low = try Self.mixer(["mixer": "rad-rwkv6", "gateRankType": 2, "groupNorm": true])
    #expect(low["g1"]?.value.elements.allSatisfy { $0 == 0 } == true)
    #expect(low["g2"]?.value.shape == [32, 24])
    #expect(low["ln_x.weight"]?.value.elements == [Float](repeating: 1, count: 24))
    #expect(low["ln_x.bias"]?.value.elements == [Float](repeating: 0, count: 24))
  }

  @Test func `RAD-RWKV7 starts as the reference does, under its names and shapes`() throws {
    let parameters = try Self.mixer(["mixer": "rad-rwkv7", "balanceState": false])
    #expect(
      parameters.mapValues(\.value.shape) == [
        "w0": [1, 1, 24], "w1": [20, 32], "w2": [32, 24], "a0": [1, 1, 24], "a1": [20, 32],
        "a2": [32, 24], "v0": [1, 1, 24], "v1": [20, 32], "v2": [32, 24], "k_k": [1, 1, 24],
        "k_a": [1, 1, 24], "g1": [20, 32], "g2": [32, 24], "ln_x.weight": [24],
        "ln_x.bias": [24],
      ])
    for (name, value) in [
      ("w1", 0), ("a0", 0), ("a1", 0), ("v0", 1), ("v1", 0), ("g1", 0), ("k_k", 0.85), ("k_a", 1),
    ] as [(String, Float)] {
      #expect(try #require(parameters[name]).value.elements.allSatisfy { $0 == value }, "\(name)")
    }
    for (n, decay) in try #require(parameters["w0"]).value.elements.enumerated() {
      let expected = -7 + 5 * pow(Double(n) / 23, 0.85 + 0.5.squareRoot()) + 0.5
      #expect(abs(Double(decay) - expected) < 1e-5)
    }
    // More rows than columns: these are orthogonal, of length 0.1 √(32/24).
    for name in ["w2", "a2", "v2", "g2"] {
      let matrix = try #require(parameters[name]).value
      let products = matrixProduct(matrix, matrix, leftTransposed: true).elements
      for (index, product) in products.enumerated() {
        #expect(abs(product - (index % 25 == 0 ? 0.01 * 32 / 24 : 0)) < 1e-6, "\(name)")
      }
    }
    #expect(parameters["w2"]?.value.elements != parameters["a2"]?.value.elements)
    let balanced = try Self.mixer(["mixer": "rad-rwkv7"], layer: 0)
    #expect(Set(balanced.keys) == ["w0", "w1", "w2", "a0", "a1", "a2", "g1", "g2"])
    let wide = try Self.mixer(["mixer": "rad-rwkv7", "gateRank": 5])
    let g2 = try #require(wide["g2"]).value
    let products = matrixProduct(g2, g2, rightTransposed: true).elements
    for (index, product) in products.enumerated() {
      #expect(abs(product - (index % 6 == 0 ? 0.01 : 0)) < 1e-6)
    }
  }

  @Test func `initial values are a function of the seed and the layer`() throws {
    let value = { (layer: Int, seed: UInt64) in
      try Self.mixer(["mixer": "rad-rwkv7"], layer: layer, seed: seed)["w2"]?.value.elements
    }
    #expect(try value(1, 5) == value(1, 5))
    #expect(try value(1, 5) != value(2, 5))
    #expect(try value(1, 5) != value(1, 6))
  }

  @Test(arguments: [
    (576, [32, 32, 32, 96]), (896, [64, 64, 32, 128]), (3584, [96, 96, 64, 416]),
    (5120, [128, 128, 96, 544]),
  ])
  func `ranks follow the rule for the hidden size`(hiddenSize: Int, expected: [Int]) throws {
    let attention = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: 2)
    let seventh = try Self.mixer(
      ["mixer": "rad-rwkv7"], hiddenSize: hiddenSize, attention: attention)
    #expect(["w1", "a1", "v1", "g1"].map { seventh[$0]?.value.shape[1] } == expected)
    let sixth = try Self.mixer(
      ["mixer": "rad-rwkv6", "gateRankType": 2], hiddenSize: hiddenSize, attention: attention)
    #expect(sixth["time_decay_w1"]?.value.shape[1] == expected[0])
    #expect(sixth["time_maa_w1"]?.value.shape[1] == 5 * expected[0])
    #expect(sixth["g1"]?.value.shape[1] == expected[3])
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7", "qlinatt"])
  func `what a student cannot stand on is said`(name: String) throws {
    let specification = try StudentCase(
      document: ["mixer": .string(name), "rotary": true]
    ).specification().mixer
    let geometry = { (isCausal: Bool, isRotary: Bool) in
      LayerGeometry(
        layer: 0,
        attention: AttentionShape(
          queryHeads: 2, keyValueHeads: 1, headDim: 6, isCausal: isCausal), hiddenSize: 12,
        hasRotaryPositions: isRotary)
    }
    #expect(specification.conflicts(with: geometry(true, true)) == [])
    #expect(
      specification.conflicts(with: geometry(false, false)) == [
        """
        mixer is "\(name)", but a recurrent student needs a causal teacher: its state holds what \
        stands before a token, and queries of this teacher see those after it as well; use "linear"
        """,
        """
        rotary is true, but the teacher has no rotary positions that queries and keys could be \
        given; set it to false
        """,
      ])
  }

  @Test func `what a layer leaves reaches the others, and no gradient where each trains alone`() {
    let own = Tape().leaf(Tensor([1, 2], [1, 2]))
    let shared = SharedValues()
    #expect(shared["x"] == nil)
    shared.leave(own, as: "x")
    #expect(shared["x"] === own)
    let detached = SharedValues(detaches: true)
    detached.leave(own, as: "x")
    #expect(detached["x"]?.requiresGradient == false)
    #expect(detached["x"]?.value.elements == [1, 2])
    #expect(detached.names == ["x"])
  }
}
