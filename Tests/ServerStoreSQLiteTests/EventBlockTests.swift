internal import ServerStore
internal import Testing

@Suite struct EventBlockTests {
    private func events(_ sizes: [Int], first: Int64 = 1) -> [StoredEvent] {
        sizes.enumerated().map { index, size in
            StoredEvent(sequence: first + Int64(index), line: (0..<size).map { UInt8(truncatingIfNeeded: $0 + index) })
        }
    }

    @Test(arguments: [
        [0], [1], [EventBlock.limit - 4], [EventBlock.limit], [3 * EventBlock.limit], [10, EventBlock.limit, 10],
        [EventBlock.limit / 2 - 4, EventBlock.limit / 2 - 4, 1], Array(repeating: 500, count: 1000),
    ]) func whatIsPackedComesBack(_ sizes: [Int]) throws {
        let events = events(sizes, first: 7)
        let blocks = EventBlock.pack(events)
        #expect(try blocks.flatMap { try $0.events() } == events)
        // As few as the limit allows, and none over it but for a line's sake.
        #expect(blocks.allSatisfy { $0.content.count <= EventBlock.limit || $0.first == $0.last })
        #expect(zip(blocks, blocks.dropFirst()).allSatisfy { $0.last + 1 == $1.first })
        let sums = zip(blocks, blocks.dropFirst()).map { block, next in
            block.content.count + 4 + sizes[Int(next.first - 7)]
        }
        #expect(sums.allSatisfy { $0 > EventBlock.limit })
    }

    @Test func damageIsNamed() throws {
        let block = try #require(EventBlock.pack(events([3, 0, 5])).first)
        for end in 0..<block.content.count {
            let cut = EventBlock(first: block.first, last: block.last, content: Array(block.content[..<end]))
            #expect(throws: StoreError.self) { try cut.events() }
        }
        for (first, last) in [(1, 2), (1, 4), (2, 3), (3, 1)] as [(Int64, Int64)] {
            #expect(throws: StoreError.self) {
                try EventBlock(first: first, last: last, content: block.content).events()
            }
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            var content = block.content
            content[Int.random(in: content.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            // Read or refused, and nothing else.
            let read = try? EventBlock(first: block.first, last: block.last, content: content).events()
            #expect(read == nil || read?.count == 3)
        }
    }

    /// A page is what a row for each event would give.
    @Test func pagesDoNotDependOnBlocks() throws {
        let events = events((0..<200).map { 100 + $0 * 37 % 2000 })
        for blocks in [EventBlock.pack(events), events.flatMap { EventBlock.pack([$0]) }] {
            for after in [0, 1, 77, 199, 200] as [Int64] {
                for limit in [1, 5, 1000] {
                    for bytes in [1, 100, 5000, 1 << 20] {
                        var page = EventPage(after: after, limit: limit, bytes: bytes)
                        for block in blocks where block.last > after { guard try page.add(block) else { break } }
                        var expected: [StoredEvent] = []
                        var total = 0
                        for event in events.dropFirst(Int(after)).prefix(limit) {
                            total += event.line.count
                            guard total <= bytes || expected.isEmpty else { break }
                            expected.append(event)
                        }
                        #expect(page.events == expected)
                    }
                }
            }
        }
    }
}
