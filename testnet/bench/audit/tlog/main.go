// Command tlog hashes a log's entry bundles into a tree with golang.org/x/mod/sumdb/tlog and says how long it took:
// what an auditor in Go has to do at least.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// stored keeps all hashes of the tree in memory, in the order in which tlog stores them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

func main() {
	began := time.Now()
	var files []string
	err := filepath.Walk(filepath.Join(os.Args[1], "tile", "entries"), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			files = append(files, path)
		}
		return err
	})
	check(err)
	// A partial bundle, xyz.p/n, comes after the full ones.
	sort.Strings(files)
	var hashes stored
	records := int64(0)
	for _, file := range files {
		bundle, err := os.ReadFile(file)
		check(err)
		for len(bundle) > 0 {
			size := int(binary.BigEndian.Uint16(bundle))
			more, err := tlog.StoredHashes(records, bundle[2:2+size], hashes)
			check(err)
			hashes = append(hashes, more...)
			bundle = bundle[2+size:]
			records++
		}
	}
	root, err := tlog.TreeHash(records, hashes)
	check(err)
	line, _ := json.Marshal(map[string]any{
		"records": records,
		"root":    root.String(),
		"ms":      float64(time.Since(began).Microseconds()) / 1000,
	})
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
