import Testing

@testable import Results

@Suite struct FiguresTests {
  @Test(arguments: [
    (0.0, "0"), (0.002013, "0.002013"), (1.1240555, "1.124"), (23.443, "23.44"), (121.74, "121.7"),
    (2048.4, "2048"), (655_360, "655360"), (2.5e9, "2.5e+09"), (1.5e-7, "1.5e-07"),
    (-12.345, "-12.35"), (.infinity, "inf"), (.nan, "nan"),
  ])
  func `Four digits tell a number`(value: Double, text: String) {
    #expect(Figures.significant(value) == text)
  }

  @Test(arguments: [
    (0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (92_871_040, "92.9 MB"),
    (999_600, "1.00 MB"), (655_000_000, "655 MB"), (16_060_000_000, "16.1 GB"),
  ])
  func `Bytes come in decimal units`(count: Int, text: String) {
    #expect(Figures.bytes(count) == text)
  }

  @Test(arguments: [(0, "0"), (999, "999"), (1024, "1,024"), (-1_234_567, "-1,234,567")])
  func `Counts set thousands apart`(value: Int, text: String) {
    #expect(Figures.count(value) == text)
  }

  @Test(arguments: [
    (0.04, "0.0 s"), (45.26, "45.3 s"), (185.2, "3 min 05 s"), (7620.0, "2 h 07 min"),
  ])
  func `Durations come in the unit that suits them`(seconds: Double, text: String) {
    #expect(Figures.duration(seconds) == text)
  }

  @Test(arguments: [
    (9.96, "10.0"), (39.24, "39.2"), (99.99, "100.0"), (426.4, "426"), (2040, "2,040"),
  ])
  func `Rates have a decimal where it tells something`(value: Double, text: String) {
    #expect(Figures.rate(value) == text)
  }
}
