import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// How gated delta nets and Mamba-2 start; what they compute is in `ConvolvedGoldenTests`.
@Suite struct ConvolvedStartTests {
  /// A layer that was looked at: a stream that points one way but for noise, and outputs of a size of
  /// their own in every head.
  private struct Measured {
    static let sizes = [0.1, 0.5, 1, 3]
    let stream: Tensor
    var geometry = StudentCase.geometry

    init() {
      var draw = TestValues(4)
      let noise = draw.normal(500 * 20, scale: 0.2)
      stream = Tensor(
        noise.indices.map { Float(noise[$0] + Double($0 % 20) / 10 - 1) }, [500, 20])
      let outputs = Tensor(
        draw.normal(500 * 24).enumerated().map { Float($1 * Self.sizes[$0 % 24 / 6]) }, [500, 24])
      var moments = LayerMoments(hiddenSize: 20, queryWidth: 24)
      for rows in [0..<200, 200..<500] {
        moments.add(stream: copiedRows(stream, rows), outputs: copiedRows(outputs, rows))
      }
      geometry.replaced = ReplacedLayer(
        statistics: [3, 40, nil, 0].map {
          AttentionStatistics.Head(distance: $0, entropy: 1, sinkMass: 0, queryNorm: 1, keyNorm: 1)
        }, moments: moments, projections: [:])
    }

    /// Mean of a head's first gate over the stream, and how far tokens are from it.
    func gate(_ weight: Tensor, head: Int) -> (mean: Double, deviation: Double) {
      let logits = matrixProduct(stream, weight, rightTransposed: true).elements
      let gate = (0..<500).map { row -> Double in
        let z = Double(logits[row * 24 + head * 6])
        return z / (1 + exp(-z))
      }
      let mean = gate.reduce(0, +) / 500
      return (mean, (gate.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 500).squareRoot())
    }
  }

  private func parameters(
    _ mixer: String, _ options: JSONObject = [:], _ geometry: LayerGeometry = StudentCase.geometry
  ) throws -> [String: Tensor] {
    var document = options
    document["mixer"] = .string(mixer)
    let mixer = try StudentCase(document: .object(document)).freshMixer(geometry)
    return Dictionary(uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value) })
  }

  private func check(_ offsets: Tensor?, distances: [Double]) throws {
    let found = try #require(offsets).elements.map { 1 / log(1 + exp(Double($0))) }
    for (found, expected) in zip(found, distances) { #expect(abs(found / expected - 1) < 1e-4) }
  }

  private static let own: [String: [String: Shape]] = [
    "gated-delta-net": [
      "in_proj_z.weight": [24, 20], "in_proj_a.weight": [4, 20], "in_proj_b.weight": [4, 20],
      "A_log": [4], "dt_bias": [4], "norm.weight": [6],
    ],
    "mamba-2": [
      "in_proj_z.weight": [24, 20], "in_proj_dt.weight": [4, 20], "A_log": [4], "dt_bias": [4],
      "D": [4], "norm.weight": [24],
    ],
  ]

  @Test(arguments: ["gated-delta-net", "mamba-2"])
  func `a fresh one has the identity for convolutions, and heads that forget at their own rate`(
    mixer: String
  ) throws {
    let found = try parameters(mixer)
    let convolutions: [String: Shape] = [
      "q_conv1d.weight": [24, 1, 4], "k_conv1d.weight": [12, 1, 4], "v_conv1d.weight": [12, 1, 4],
    ]
    #expect(
      found.mapValues(\.shape) == Self.own[mixer]?.merging(convolutions) { $1 })
    for name in convolutions.keys {
      let taps = try #require(found[name]).elements
      #expect(taps.indices.allSatisfy { taps[$0] == ($0 % 4 == 3 ? 1 : 0) })
    }
    let small = try #require(try parameters(mixer, ["initialTap": 0.25])["q_conv1d.weight"])
      .elements
    #expect(small[3] == 0.25 && small[2] == 0)
    for (name, value) in [
      "in_proj_a.weight": 0, "in_proj_b.weight": 0, "in_proj_dt.weight": 0, "A_log": 0, "D": 1,
      "norm.weight": 1,
    ] as [String: Float] {
      #expect(found[name]?.elements.allSatisfy { $0 == value } != false, "\(name)")
    }
    try check(found["dt_bias"], distances: [4, 16, 64, 256])
  }

  @Test(arguments: ["gated-delta-net", "mamba-2"])
  func `a calibrated one forgets as the teacher looks back`(mixer: String) throws {
    let layer = Measured()
    let found = try parameters(mixer, ["decayStart": "calibrated"], layer.geometry)
    try check(found["dt_bias"], distances: [3, 40, 64, 0.25])
  }

  @Test func `a gated delta net gates to the teacher's size, or not at all`() throws {
    let layer = Measured()
    let found = try parameters("gated-delta-net", ["gateStart": "calibrated"], layer.geometry)
    for (head, size) in Measured.sizes.enumerated() {
      let (mean, deviation) = layer.gate(try #require(found["in_proj_z.weight"]), head: head)
      #expect(abs(mean / size - 1) < 0.1, "\(head): \(mean) for \(size)")
      #expect(deviation < 0.2 * mean, "\(head)")
    }
    let fresh = try parameters("gated-delta-net")
    #expect(fresh["in_proj_z.weight"]?.elements.allSatisfy { $0 == 0 } == true)
    let plain = try parameters(
      "gated-delta-net", ["gateStart": "zero", "decayStart": "scheduled"], layer.geometry)
    for (name, value) in fresh { #expect(plain[name]?.elements == value.elements) }
  }

  @Test
  func `Mamba-2 has the teacher's size in the norm behind gates that are the same for every token`()
    throws
  {
    let layer = Measured()
    let found = try parameters("mamba-2", [:], layer.geometry)
    let weights = try #require(found["norm.weight"]).elements
    for (channel, weight) in weights.enumerated() {
      #expect(abs(Double(weight) / Measured.sizes[channel / 6] - 1) < 0.1)
    }
    for head in Measured.sizes.indices {
      let (mean, deviation) = layer.gate(try #require(found["in_proj_z.weight"]), head: head)
      // SiLU of 1.
      #expect(abs(mean / 0.731 - 1) < 0.1, "\(head): \(mean)")
      #expect(deviation < 0.2 * mean, "\(head)")
    }
    try check(found["dt_bias"], distances: [4, 16, 64, 256])
  }

  /// Gates of zero before a norm would make rounding of everything behind them.
  @Test func `Mamba-2 draws its gates where nobody looked at the layer`() throws {
    let gates = try (1...2).map { seed in
      try #require(
        try StudentCase(document: ["mixer": "mamba-2"]).freshMixer(seed: UInt64(seed)).parameters
          .first { $0.name == "in_proj_z.weight" }
      ).value.elements
    }
    #expect(gates[0] != gates[1])
    #expect(gates[0].allSatisfy { abs($0) <= 1 / Float(20).squareRoot() })
    let size = (gates[0].reduce(0) { $0 + $1 * $1 } / 480).squareRoot()
    #expect(abs(size / (1 / Float(60).squareRoot()) - 1) < 0.1)
    let student = try StudentCase(document: ["mixer": "mamba-2"]).specification()
    #expect(student.isCalibrated)
  }
}
