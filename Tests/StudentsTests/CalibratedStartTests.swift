import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// Starts that are computed of the layer that a student replaces.
@Suite struct CalibratedStartTests {
  /// One a query head; of one head nothing is known.
  private static let distances: [Double?] = [3, 40, nil, 0]

  private var measured: LayerGeometry {
    var geometry = StudentCase.geometry
    geometry.replaced = ReplacedLayer(
      statistics: Self.distances.map {
        AttentionStatistics.Head(
          distance: $0, entropy: 1, sinkMass: 0.2, queryNorm: 1, keyNorm: 1)
      }, projections: [:])
    return geometry
  }

  private func mixer(_ name: String, decayStart: String?) throws -> any MixerSpecification {
    var document: JSONObject = ["mixer": .string(name)]
    if let decayStart { document["decayStart"] = .string(decayStart) }
    let specification = try StudentCase(document: .object(document)).specification()
    #expect(specification.isCalibrated == (decayStart == "calibrated"))
    return specification.mixer
  }

  /// `−log w` of every channel of a fresh mixer, whose other terms are 0.
  private func rates(_ mixer: any TokenMixer) throws -> [Double] {
    let parameter = { (name: String) in
      mixer.parameters.first { $0.name == name }?.value.elements.map(Double.init)
    }
    if let speeds = parameter("time_decay") { return speeds.map { exp($0) } }
    return try #require(parameter("w0")).map { exp(-0.5) / (1 + exp(-$0)) }
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7"])
  func `a head forgets as far back as the teacher's attention in it looks on average`(name: String)
    throws
  {
    let specification = try mixer(name, decayStart: "calibrated")
    let scheduled = try rates(specification.makeMixer(StudentCase.geometry, seed: 5))
    let rates = try rates(specification.makeMixer(measured, seed: 5))
    #expect(rates.count == 24)
    for (channel, rate) in rates.enumerated() {
      switch channel / 6 {
      case 0: #expect(abs(rate * 3 - 1) < 1e-5)
      case 1: #expect(abs(rate * 40 - 1) < 1e-5)
      case 2: #expect(rate == scheduled[channel])
      // Its own token alone: as fast as the student can, or nearly.
      default: #expect(rate > 0.6 && rate <= 4.0001)
      }
    }
    // What such a decay remembers lies the measured distance back: Σ n wⁿ / Σ wⁿ.
    let weights = (0..<4000).map { exp(-rates[6] * Double($0)) }
    let mean = weights.enumerated().reduce(0) { $0 + Double($1.0) * $1.1 } / weights.reduce(0, +)
    #expect(abs(mean - 40) < 0.51)
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7"])
  func `nothing else changes, and without the option nothing does`(name: String) throws {
    let plain = try mixer(name, decayStart: nil)
    let expected = plain.makeMixer(StudentCase.geometry, seed: 5).parameters
    for start in [nil, "scheduled", "calibrated"] {
      let specification = try mixer(name, decayStart: start)
      let found = specification.makeMixer(measured, seed: 5).parameters
      #expect(found.map(\.name) == expected.map(\.name))
      for (found, expected) in zip(found, expected) {
        let isDecay = ["time_decay", "w0"].contains(found.name) && start == "calibrated"
        #expect((found.value.elements == expected.value.elements) != isDecay, "\(found.name)")
        #expect(found.value.shape == expected.value.shape)
      }
    }
  }

  @Test func `A memory beside a window starts so too`() throws {
    let student = { (start: JSONValue) in
      try StudentCase(document: [
        "memory": ["kind": "rad-rwkv6", "decayStart": start], "window": ["size": 8],
        "policy": ["kind": "projected-sum"],
      ]).specification()
    }
    #expect(try !student("scheduled").isCalibrated)
    let calibrated = try student("calibrated")
    #expect(calibrated.isCalibrated)
    #expect(abs(try rates(calibrated.mixer.makeMixer(measured, seed: 5))[0] * 3 - 1) < 1e-5)
  }
}
