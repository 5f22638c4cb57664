package filters

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc"
)

// ImageWarning says what stream i needs that the row images of a table may lack,
// with binlog_row_image set to image, and what follows; "" where they have it all.
func (s *Set) ImageWarning(i int, t *cdc.Table, image string) string {
	if image == "" || strings.EqualFold(image, "FULL") {
		return ""
	}
	p := &plan{rule: s.rules[i], table: t}
	p.bind()
	var needs []int
	if p.pred != nil {
		needs = p.pred.Columns()
	}
	for _, c := range p.text {
		needs = append(needs, c.index)
	}
	for _, part := range p.event[cdc.Update] {
		if part.index >= 0 {
			needs = append(needs, part.index)
		}
	}
	var lacking []string
	for _, n := range needs {
		// NOBLOB leaves out what an update did not change of these; MINIMAL and
		// FULL_NODUP of any column, the key as well.
		if c := &t.Columns[n]; (!strings.EqualFold(image, "NOBLOB") || isLOB(c)) && !slices.Contains(lacking, c.Name) {
			lacking = append(lacking, c.Name)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return fmt.Sprintf("with binlog_row_image = %s a change of %s.%s may lack %s, which where, text or event needs: each one that does is a schema reset instead; SET GLOBAL binlog_row_image = FULL, and reconnect the application",
		image, t.Schema, t.Name, strings.Join(lacking, ", "))
}

// isLOB tells what binlog_row_image = NOBLOB takes for a BLOB.
func isLOB(c *cdc.Column) bool {
	switch c.Type {
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB,
		mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_VECTOR:
		return true
	}
	return c.Type == compressedBlob
}

const compressedBlob = 140 // MariaDB's BLOB and TEXT … COMPRESSED
