import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// What stands beside a sequence must not be seen: padding, and other documents.
@Suite struct StudentLayoutTests {
  static let layouts: [(name: String, layout: SequenceLayout)] = [
    ("left padding", SequenceLayout(rows: 75, segments: [.init(start: 5, count: 70)])),
    ("right padding", SequenceLayout(rows: 75, segments: [.init(start: 0, count: 70)])),
    (
      "packed documents",
      SequenceLayout(
        rows: 138,
        segments: [
          .init(start: 0, count: 1), .init(start: 1, count: 65), .init(start: 66, count: 8),
          .init(start: 74, count: 64),
        ])
    ),
    (
      "a padded batch",
      SequenceLayout(
        rows: 120, segments: [.init(start: 3, count: 57), .init(start: 60, count: 40)])
    ),
  ]

  @Test(arguments: StudentCase.all)
  func `a sequence beside padding or other documents comes out as it does alone`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    for (name, layout) in Self.layouts {
      let operands = Self.operands(layout)
      let width = operands.attention.queryWidth
      let output = mixer.output(operands, layout: layout).elements
      for segment in layout.segments {
        let part = operands[segment.rows]
        let alone = mixer.output(part).elements.map(Double.init)
        let rows = segment.rows.lowerBound * width..<segment.rows.upperBound * width
        var bound = 1e-6
        if testCase.normsItsState {
          // A norm behind a sum that cancels makes much of the last bit: of products whose rounding
          // depends on their number of rows, no more is asked than of that bit.
          let moved = relativeRMS(mixer.output(part.withOtherLastBits).elements, alone)
          bound = max(bound, 2 * moved)
        }
        #expect(relativeRMS(Array(output[rows]), alone) < bound, "\(name), \(segment)")
      }
      for rows in layout.padding {
        let padded = output[rows.lowerBound * width..<rows.upperBound * width]
        #expect(padded.allSatisfy { $0 == 0 }, "\(name)")
      }
    }
  }

  @Test(arguments: StudentCase.all)
  func `gradients of sequences side by side are those of each alone, summed`(testCase: StudentCase)
    throws
  {
    let mixer = try testCase.trainedMixer()
    for (name, layout) in Self.layouts {
      let operands = Self.operands(layout)
      let width = operands.attention.queryWidth
      var draw = TestValues(19)
      // A gradient on padding's rows must reach nothing either.
      let upstream = draw.normal(layout.rows * width)
      let together = mixer.gradients(operands, upstream: upstream, layout: layout)
      var sums: [String: [Double]] = [:]
      for segment in layout.segments {
        let part = Array(
          upstream[segment.rows.lowerBound * width..<segment.rows.upperBound * width])
        let alone = mixer.gradients(operands[segment.rows], upstream: part)
        for parameter in mixer.parameters {
          let gradient = try #require(alone[parameter.name]).elements.map(Double.init)
          sums[parameter.name] = zip(
            sums[parameter.name] ?? gradient.map { _ in 0 }, gradient
          ).map(+)
        }
      }
      for parameter in mixer.parameters {
        let gradient = try #require(together[parameter.name]).elements
        // The floor is for biases that a softmax does not feel.
        let error = relativeRMS(gradient, sums[parameter.name]!, floor: 0.1)
        #expect(error < 1e-5, "\(name), \(parameter.name)")
      }
      for (input, path) in MixerOperands.inputs where input != "keys" {
        guard let gradient = together[input]?.elements else { continue }
        let columns = operands[keyPath: path].count / operands.rows
        for rows in layout.padding {
          let padded = gradient[rows.lowerBound * columns..<rows.upperBound * columns]
          #expect(padded.allSatisfy { $0 == 0 }, "\(name), \(input)")
        }
      }
    }
  }

  /// Padding's rows are three times as wide as the others.
  private static func operands(_ layout: SequenceLayout) -> MixerOperands {
    var operands = MixerOperands(StudentCase.geometry.attention, rows: layout.rows)
    for (_, path) in MixerOperands.inputs {
      let width = operands[keyPath: path].count / operands.rows
      for row in layout.padding.joined() {
        for column in 0..<width { operands[keyPath: path][row * width + column] *= 3 }
      }
    }
    return operands
  }
}
