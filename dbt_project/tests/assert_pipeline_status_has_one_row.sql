select 'pipeline_status has ' || count(*) || ' rows instead of one' as message
from {{ ref('pipeline_status') }}
having count(*) <> 1
