import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// Students of a teacher whose queries see every key. Their outputs and gradients are held by
/// `StudentGoldenTests`.
@Suite struct BidirectionalStudentTests {
  private static let geometry = LayerGeometry(
    layer: 1,
    attention: AttentionShape(queryHeads: 2, keyValueHeads: 1, headDim: 6, isCausal: false),
    hiddenSize: 12)

  private static func specification(_ document: JSONValue) throws -> any MixerSpecification {
    try DocumentReader.read(document, StudentSpecification.init).mixer
  }

  @Test(arguments: ["sliding", "terrace"])
  func `a window is refused, with what to use instead`(kind: String) throws {
    let mixer = try Self.specification(
      ["mixer": .string("\(kind)-window"), "featureMap": ["projectionDim": 7]])
    #expect(
      mixer.conflicts(with: Self.geometry) == [
        """
        mixer is "\(kind)-window", but a window needs a causal teacher: it holds the last keys up \
        to a query's own, and queries of this teacher see those after it as well; use "linear"
        """,
        """
        featureMap.projectionDim is 7, but heads of 6 coordinates fill no more than 6 of an \
        identity at the start; use at most 6, or "initialization": "kaiming"
        """,
      ])
    #expect(mixer.conflicts(with: StudentCase.geometry).count == 1)
  }

  @Test(arguments: StudentGolden.bidirectional)
  func `linear attention over any map is allowed`(golden: StudentGolden) throws {
    let mixer = try Self.specification(["mixer": "linear", "featureMap": golden.featureMap])
    // The goldens' own dimensions fill an identity, but for T2R's.
    #expect(mixer.conflicts(with: Self.geometry).allSatisfy { !$0.contains("causal") })
  }

  @Test(arguments: StudentLayoutTests.layouts.map(\.layout))
  func `packed and padded segments come out as each does alone`(layout: SequenceLayout) throws {
    for golden in StudentGolden.bidirectional {
      let mixer = try Self.specification(["mixer": "linear", "featureMap": golden.featureMap])
        .makeMixer(Self.geometry, seed: 5)
      let operands = MixerOperands(Self.geometry.attention, rows: layout.rows)
      let output = mixer.output(operands, layout: layout).elements
      for segment in layout.segments {
        let alone = mixer.output(operands[segment.rows]).elements.map(Double.init)
        let found = Array(output[segment.rows.lowerBound * 12..<segment.rows.upperBound * 12])
        #expect(relativeRMS(found, alone) < 1e-6, "\(golden.file), \(segment)")
      }
      for rows in layout.padding {
        #expect(output[rows.lowerBound * 12..<rows.upperBound * 12].allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func `there is no state to decode with`() async {
    await #expect(processExitsWith: .failure) {
      let mixer = try BidirectionalStudentTests.specification(
        ["mixer": "linear", "featureMap": ["kind": "relu"]]
      ).makeMixer(BidirectionalStudentTests.geometry, seed: 5)
      _ = mixer.makeMemory()
    }
    await #expect(processExitsWith: .failure) {
      _ = SoftmaxAttentionMixer(shape: BidirectionalStudentTests.geometry.attention).makeMemory()
    }
  }
}
