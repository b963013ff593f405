// Command sumdb checks a log of Freehold over HTTP with the packages that Go's checksum database is checked with:
// golang.org/x/mod/sumdb/note and tlog. It knows nothing of Freehold but the paths of C2SP tlog-tiles.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight   = 8
	tileWidth    = 1 << tileHeight
	maxBodyBytes = 32 << 20
	// Every so many records are also proven one by one.
	provenEvery = 97
)

// Result is what was checked, as one line of JSON.
type Result struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
	// Records whose hash under the root is that of the entry that is served.
	Records int64 `json:"records"`
	Proofs  int64 `json:"proofs"`
	// Size of the earlier checkpoint that this one was proven to extend.
	Since int64 `json:"since"`
	// Key names and hashes of the signatures that were verified.
	Signers []string `json:"signers"`
}

// Seen is an earlier checkpoint, kept in a file.
type Seen struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
}

type vkeys []string

func (v *vkeys) String() string         { return strings.Join(*v, ",") }
func (v *vkeys) Set(value string) error { *v = append(*v, value); return nil }

func main() {
	var keys vkeys
	base := flag.String("log", "", "URL of the log, without /checkpoint")
	seen := flag.String("seen", "", "file that keeps the newest checkpoint from one run to the next")
	flag.Var(&keys, "vkey", "verifier key of a signer; may be repeated")
	flag.Parse()
	result, err := check(strings.TrimSuffix(*base, "/"), keys, *seen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}

func check(base string, keys []string, seenFile string) (*Result, error) {
	signed, err := fetch(base + "/checkpoint")
	if err != nil {
		return nil, err
	}
	origin, tree, signers, err := open(signed, keys)
	if err != nil {
		return nil, err
	}
	result := &Result{Origin: origin, Size: tree.N, Root: tree.Hash.String(), Signers: signers}
	hashes := tlog.TileHashReader(tree, &tiles{base})
	if result.Records, err = checkRecords(base, tree, hashes); err != nil {
		return nil, err
	}
	if result.Proofs, err = proveRecords(tree, hashes); err != nil {
		return nil, err
	}
	if seenFile == "" {
		return result, nil
	}
	if result.Since, err = checkExtends(seenFile, tree, hashes); err != nil {
		return nil, err
	}
	kept, _ := json.Marshal(Seen{tree.N, tree.Hash.String()})
	return result, os.WriteFile(seenFile, kept, 0o644)
}

// open verifies a signed checkpoint (C2SP tlog-checkpoint): origin, size, root.
func open(signed []byte, keys []string) (string, tlog.Tree, []string, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return "", tlog.Tree{}, nil, fmt.Errorf("vkey %q: %w", key, err)
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return "", tlog.Tree{}, nil, fmt.Errorf("checkpoint: %w", err)
	}
	var signers []string
	for _, sig := range opened.Sigs {
		signers = append(signers, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return "", tlog.Tree{}, nil, errors.New("checkpoint: it has fewer than three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, nil, fmt.Errorf("checkpoint: size: %w", err)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return "", tlog.Tree{}, nil, fmt.Errorf("checkpoint: root: %w", err)
	}
	return lines[0], tlog.Tree{N: size, Hash: root}, signers, nil
}

// checkRecords compares every entry that is served with its hash under the root.
func checkRecords(base string, tree tlog.Tree, hashes tlog.HashReader) (int64, error) {
	for first := int64(0); first < tree.N; first += tileWidth {
		width := min(tileWidth, tree.N-first)
		bundle, err := fetch(base + "/tile/entries/" + tilePath(first/tileWidth, width))
		if err != nil {
			return 0, err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		under, err := hashes.ReadHashes(indexes)
		if err != nil {
			return 0, err
		}
		for i, want := range under {
			var entry []byte
			if entry, bundle, err = next(bundle); err != nil {
				return 0, fmt.Errorf("entry %d: %w", first+int64(i), err)
			}
			if tlog.RecordHash(entry) != want {
				return 0, fmt.Errorf("entry %d is not the one under the root", first+int64(i))
			}
		}
		if len(bundle) > 0 {
			return 0, fmt.Errorf("the bundle at %d has bytes to spare", first)
		}
	}
	return tree.N, nil
}

func next(bundle []byte) (entry, rest []byte, err error) {
	if len(bundle) < 2 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	size := int(binary.BigEndian.Uint16(bundle))
	if len(bundle) < 2+size {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return bundle[2 : 2+size], bundle[2+size:], nil
}

func proveRecords(tree tlog.Tree, hashes tlog.HashReader) (int64, error) {
	proofs := int64(0)
	for leaf := int64(0); leaf < tree.N; leaf += provenEvery {
		proof, err := tlog.ProveRecord(tree.N, leaf, hashes)
		if err != nil {
			return 0, err
		}
		own, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, leaf)})
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, leaf, own[0]); err != nil {
			return 0, fmt.Errorf("leaf %d: %w", leaf, err)
		}
		proofs++
	}
	return proofs, nil
}

// checkExtends proves that the tree has all of what an earlier run saw. No file: this is the first run.
func checkExtends(file string, tree tlog.Tree, hashes tlog.HashReader) (int64, error) {
	bytes, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var seen Seen
	if err := json.Unmarshal(bytes, &seen); err != nil {
		return 0, err
	}
	old, err := tlog.ParseHash(seen.Root)
	if err != nil {
		return 0, err
	}
	if tree.N < seen.Size {
		return 0, fmt.Errorf("the log has %d leaves, and had %d before", tree.N, seen.Size)
	}
	proof, err := tlog.ProveTree(tree.N, seen.Size, hashes)
	if err != nil {
		return 0, err
	}
	return seen.Size, tlog.CheckTree(proof, tree.N, tree.Hash, seen.Size, old)
}

// tiles reads tiles as C2SP tlog-tiles names them.
type tiles struct{ base string }

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		var err error
		path := fmt.Sprintf("%s/tile/%d/%s", t.base, tile.L, tilePath(tile.N, int64(tile.W)))
		if data[i], err = fetch(path); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// tilePath is that of Go's own tiles without the height, which C2SP leaves out.
func tilePath(n, width int64) string {
	full := tlog.Tile{H: tileHeight, L: 0, N: n, W: int(width)}.Path()
	return strings.TrimPrefix(full, fmt.Sprintf("tile/%d/0/", tileHeight))
}

var client = &http.Client{Timeout: 10 * time.Second}

func fetch(url string) ([]byte, error) {
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxBodyBytes))
}
