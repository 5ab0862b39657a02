import Foundation
import Results
import Testing

@testable import Reports

@Suite struct ScaleTests {
  @Test(arguments: [
    ([0.0, 97.3], 6, [0.0, 20, 40, 60, 80, 100]), ([3.08, 3.71], 6, [3.0, 3.2, 3.4, 3.6, 3.8]),
    ([-4.0, 9], 4, [-5.0, 0, 5, 10]), ([0.0012, 0.0049], 5, [0.001, 0.002, 0.003, 0.004, 0.005]),
  ])
  func `Linear ticks are round and hold the data`(
    values: [Double], count: Int, ticks: [Double]
  ) {
    let scale = Scale(.linear, over: values, from: 0, to: 100, ticks: count)
    #expect(scale.ticks.count == ticks.count)
    for (found, expected) in zip(scale.ticks, ticks) { #expect(abs(found - expected) < 1e-9) }
    #expect(scale.domain.contains(values.min()!) && scale.domain.contains(values.max()!))
  }

  @Test(arguments: [
    ([22.0, 3978], 10, [20.0, 50, 100, 200, 500, 1000, 2000]),
    ([0.01, 1e6], 5, [0.01, 1, 100, 1e4, 1e6]),
  ])
  func `Logarithmic ticks are decades and their parts`(
    values: [Double], count: Int, ticks: [Double]
  ) {
    let scale = Scale(.logarithmic, over: values, from: 0, to: 100, ticks: count)
    #expect(scale.ticks.filter { $0 < 4000 || ticks.contains($0) }.count >= 4)
    for tick in ticks where scale.domain.contains(tick) {
      #expect(scale.ticks.contains { abs($0 / tick - 1) < 1e-9 }, "\(tick) in \(scale.ticks)")
    }
    #expect(scale.ticks.allSatisfy(scale.domain.contains))
  }

  @Test(arguments: [[5.0, 5.0], [], [0.0], [.nan, .infinity], [-1.0, -2]])
  func `Data without extent still has an axis`(values: [Double]) {
    for kind in [Scale.Kind.linear, .logarithmic] {
      let scale = Scale(kind, over: values, from: 0, to: 100, ticks: 5)
      #expect(scale.domain.lowerBound < scale.domain.upperBound)
      #expect(!scale.ticks.isEmpty)
      #expect(scale.ticks.allSatisfy { scale($0).isFinite })
    }
  }

  @Test func `A logarithmic axis puts equal factors at equal distances`() {
    let scale = Scale(
      .logarithmic, over: [1, 100], from: 0, to: 200, ticks: 3, fixed: [1, 10, 100])
    #expect([1.0, 10, 100].map { (scale($0) * 1000).rounded() / 1000 } == [0, 100, 200])
    #expect(!scale.shows(0) && !scale.shows(.nan))
  }

  @Test func `Fixed ticks are on the axis, and those without a place are dropped`() {
    let high = Scale(.linear, over: [0.2, 0.9], from: 100, to: 0, ticks: 5, fixed: [0, 0.5, 1])
    #expect(high.domain == 0...1)
    let positions = Scale(
      .logarithmic, over: [1, 6], from: 0, to: 100, ticks: 5, fixed: [0, 1, 2, 4, 8])
    #expect(positions.ticks == [1, 2, 4, 8])
    #expect(positions(8) == 100)
  }

  @Test(arguments: [
    (0.25, "0.25"), (1000, "1,000"), (2_500_000, "2.5M"), (-3, "-3"), (0.001, "0.001"),
  ])
  func `Ticks are short`(value: Double, text: String) { #expect(Figures.tick(value) == text) }

  @Test(arguments: [(512.0, "512"), (1024, "1k"), (32768, "32k"), (1000, "1,000")])
  func `Context lengths are written as people say them`(value: Double, text: String) {
    #expect(Figures.contextTick(value) == text)
  }
}

@Suite struct ChartTests {
  @Test(arguments: [
    ([10.0, 11, 12], [10.0, 26, 42]), ([50.0, 10], [50.0, 10]), ([95.0, 96, 97], [68.0, 84, 100]),
    ([], []),
  ])
  func `Labels move apart and stay inside`(positions: [Double], placed: [Double]) {
    #expect(SVG.apart(positions, by: 16, within: 0...100) == placed)
  }

  @Test func `Lines are named at their ends on a desk, in a legend on a phone`() {
    let chart = LineChart(
      title: "t", description: "d", x: AxisSpecification(label: "x"),
      y: AxisSpecification(label: "y"),
      series: [
        .init(
          name: "teacher", style: ModelVariant.teacher.style,
          points: [.init(x: 0, y: 1), .init(x: 1, y: 2)]),
        .init(
          name: "student", style: ModelVariant.student.style,
          points: [.init(x: 0, y: 2), .init(x: 1, y: 2)]),
      ])
    #expect(chart.draw(width: 940, isNarrow: false).svg.body.contains(">teacher</text>"))
    #expect(!chart.draw(width: 344, isNarrow: true).svg.body.contains(">teacher</text>"))
    #expect(chart.legend.map(\.name) == ["teacher", "student"])
  }

  @Test func `A picture is a PNG with right checksums`() throws {
    let bytes = PNG.encoded(opacities: [0, 255, 7, 9], width: 2)
    #expect(bytes.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    #expect(PNG.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(PNG.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
    var names: [String] = []
    var place = 8
    while place < bytes.count {
      let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      let body = Array(bytes[place + 4..<place + 8 + length])
      let sum = bytes[place + 8 + length..<place + 12 + length].reduce(0) { $0 << 8 | UInt32($1) }
      #expect(sum == PNG.crc32(body))
      names.append(String(decoding: body.prefix(4), as: UTF8.self))
      place += 12 + length
    }
    #expect(names == ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"])
  }

  @Test func `Maps are packed by rows below the diagonal on one scale`() throws {
    let fidelity = FidelityResult(
      layers: [], logitDivergence: 0, topAgreement: 1, tokens: 2,
      maps: [
        .init(
          layer: 3, head: 1, size: 2, tokens: 2, teacher: [1, 9, 0.25, 0],
          student: [4, 0, 1, .nan])
      ])
    let selection = AttentionMapSelection(fidelity, bytes: 10_000)
    let packed = try #require(selection.maps.first)
    // The largest of both, 9, lies above the diagonal and sets the scale all the same.
    let levels = { (text: String) in Data(base64Encoded: text).map(Array.init) }
    #expect(levels(packed.teacher) == [85, 43, 0])
    #expect(levels(packed.student) == [170, 85, 0])
    #expect(selection.omittedSentence == nil)
    #expect(AttentionMapSelection(fidelity, bytes: 10).maps.isEmpty)
  }

  @Test func `Every layer gives its furthest head first, then its nearest`() {
    let fidelity = FidelityResult(
      layers: (0..<2).map { layer in
        .init(
          index: layer,
          heads: (0..<4).map { head in
            var numbers = SampleReports.head
            numbers.divergence = Double((head + layer) % 4)
            return numbers
          })
      }, logitDivergence: 0, topAgreement: 1, tokens: 2,
      maps: (0..<2).flatMap { layer in
        (0..<4).map {
          .init(layer: layer, head: $0, size: 1, tokens: 1, teacher: [1], student: [1])
        }
      })
    let all = AttentionMapSelection(fidelity, bytes: 100_000)
    let one = AttentionMapSelection(fidelity, bytes: 100_000).maps[0]
    let cost = one.teacher.utf8.count + one.student.utf8.count + one.words.utf8.count + 160
    let some = AttentionMapSelection(fidelity, bytes: cost * 4 + cost / 2)
    #expect(all.maps.count == 8)
    #expect(
      some.maps.map(\.name) == [
        "layer 0, head 0", "layer 0, head 3", "layer 1, head 2", "layer 1, head 3",
      ])
    #expect(some.omittedSentence?.hasPrefix("4 of 8 maps are shown") == true)
  }
}
